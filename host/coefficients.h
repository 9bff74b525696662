/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Learned attribution: what the dynamic energy of packages has shown about what the
 * CPU time of this domain and of that one costs, and the weights that follow. Pure.
 *
 * Each tick and package is one equation: the power measured, out of what every player
 * did (host/power_model.h). A fixed bank of hypotheses about what cannot be estimated
 * with the rest (how much players differ, how good the formula is, when a package is
 * awake, how soon programs change) is weighed by how well each foretold the power.
 * Weights are the Shapley values of the game learned:
 *
 *   - a player's factor times its weight;
 *   - the clocks that fall as cores get busy, which is everybody's doing, by the time
 *     each was on a core;
 *   - the power of a package that is awake at all, see host/wake.h.
 *
 * It decides who gets which part of the energy, never how much there is. While nothing
 * is known weights are those of host/usage.h; who used no CPU weighs exactly 0; what is
 * not a number does not get out. State and time are bounded: POWER_MODEL_PLAYERS_MAX
 * players are learned of one by one, the smallest as one; see host/roster.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/coefficients_state.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/usage.h"
#include "host/weight.h"

struct coefficients;

/* -ENOMEM. */
int coefficients_new(struct coefficients **ret_coefficients);
/* NULL is fine. */
void coefficients_free(struct coefficients *coefficients);

/* A package zone in one tick. */
struct coefficients_package {
	/* It has one zone, which was read, and the energy is of this tick alone. */
	bool measured;
	uint64_t dynamic_uj;
	uint64_t idle_uw; /* what was taken for idle power */
};

struct coefficients_tick {
	const struct sample *sample; /* whose domains the players are */
	const struct usage *usage;
	const struct weight_model *weight; /* that usage was computed with */
	uint64_t dt_ns;
	struct coefficients_package packages[MACHINE_PACKAGES_MAX];
};

/* Room for a tick of so many domains, or -ENOMEM. A steady state allocates nothing. */
int coefficients_reserve(
	struct coefficients *coefficients, size_t n_domains, size_t n_packages);

/*
 * Learns from the tick, then weighs its players. What was learned stays if the tick is
 * accepted; else the next step is as if this one had never been.
 */
void coefficients_step(
	struct coefficients *coefficients, const struct coefficients_tick *tick);
/* After a step, once. */
void coefficients_accept(struct coefficients *coefficients);

/*
 * Of the last step, in a package: player 0 is the host, i + 1 is domain i. The sum is
 * about that of the weights of host/usage.h.
 */
uint64_t coefficients_weight(
	const struct coefficients *coefficients, size_t player, size_t package);

/*
 * What was learned, as bytes, to go on with after a restart: words of 64 bits,
 * little-endian, with a version and a checksum.
 */
#define COEFFICIENTS_BYTES_MAX COEFFICIENTS_STATE_BYTES_MAX

/* Returns how many; 0: there is nothing to keep yet. */
size_t coefficients_encode(
	struct coefficients *coefficients, uint8_t bytes[COEFFICIENTS_BYTES_MAX]);

/*
 * -EBADMSG: truncated, corrupt, of another version, or numbers that cannot be. -ENOMEM.
 * Nothing is changed then.
 */
int coefficients_decode(
	struct coefficients *coefficients, const uint8_t *bytes, size_t size);
