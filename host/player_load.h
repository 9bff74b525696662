/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What each player did in each package in a tick, per second, as numbers to learn from:
 * from the integers of host/usage.h, with what usage has to guess of threads that went
 * from one package to another made to agree with how busy the packages were. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/power_model.h"
#include "host/usage.h"
#include "host/weight.h"

/* One player in one package. */
struct player_load {
	struct power_model_load parts;
	/* Of whoever shares the energy out: busy cores, and what they weigh. */
	double cores;
	double weight;
};

/* Player 0 is the host, i + 1 is domain i. A zeroed one is empty. */
struct player_loads {
	size_t n_players, n_packages;
	size_t size;
	struct player_load *loads; /* [package * n_players + player] */
};

static inline struct player_load *player_loads_of(
	const struct player_loads *loads, size_t package)
{
	return &loads->loads[package * loads->n_players];
}

/* The host's cell in usage, or a domain's. */
static inline const struct usage_cell *player_cell(
	const struct usage *usage, size_t player, size_t package)
{
	return player == 0 ? &usage->host[package]
			   : usage_cell(usage, player - 1, package);
}

/* Room for so many players times packages, or -ENOMEM. */
int player_loads_reserve(struct player_loads *loads, size_t n);

/*
 * Frequencies are relative to *reference_khz, which is set at the first one that is
 * known. weight is what usage was computed with.
 */
void player_loads_compute(struct player_loads *loads, const struct usage *usage,
	size_t n_domains, const struct weight_model *weight, double seconds,
	double *reference_khz);

/* Nobody runs longer than there are CPUs; of another tick nothing is to be learned. */
bool player_loads_is_plausible(
	const struct player_loads *loads, const struct usage *usage, double seconds);

/*
 * Books time of threads that were on several packages where busy time is left over for
 * it. host_share is how much of the host was in each package lately, which this keeps.
 */
void player_loads_place(struct player_loads *loads, const struct usage *usage,
	double seconds, double host_share[MACHINE_PACKAGES_MAX]);

/* Frees what it holds, not the struct itself. */
void player_loads_deinit(struct player_loads *loads);
