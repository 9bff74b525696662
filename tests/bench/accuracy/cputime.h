/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What every formula starts from: CPU time of the players between two samples, by
 * package. Apart from the daemon's code, which is judged by it. Pure.
 */
#pragma once

#include "host/sample.h"
#include "tests/bench/accuracy/run.h"

/* All in seconds; by player, the host last, and by package. */
struct cputime {
	unsigned n_players, n_packages;
	double player_s[LOAD_PLAYERS_MAX][RIG_PACKAGES_MAX];
	/* Of it, QEMU's main thread. */
	double main_s[LOAD_PLAYERS_MAX][RIG_PACKAGES_MAX];
	/* All players. */
	double used_s[RIG_PACKAGES_MAX];
	/* All hardware threads all the time. */
	double capacity_s[RIG_PACKAGES_MAX];
};

/* The host's is what CPUs were busy beyond the domains. A thread that changed package
 * counts half on either. */
void cputime_compute(struct cputime *time, const struct run *run,
	const struct sample *before, const struct sample *now);
