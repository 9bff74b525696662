/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The power a zone draws when nothing runs: given, or learned from the stretches
 * in which its package was almost idle. Pure.
 *
 * Learned is the lower envelope: the smallest mean power of any 10 s in which at
 * least nine tenths of the CPU time were idle, over the last 12 to 24 hours of
 * such time. While none was seen yet it is 0: nothing is called idle that might
 * be work.
 */
#pragma once

#include <stdint.h>

enum idle_power_origin {
	IDLE_POWER_LEARNED,
	IDLE_POWER_CONFIGURED,
	IDLE_POWER_CALIBRATED,
};

/* What learning remembers, kept in the ledger. Zeroed: nothing yet. */
struct idle_power_state {
	/* The stretch being summed up. */
	uint64_t block_uj;
	uint64_t block_ns;
	uint64_t block_busy_ns;
	uint64_t block_capacity_ns;
	/* Idle time the current half of the window has seen; minima of both; 0: none. */
	uint64_t window_ns;
	uint64_t current_uw;
	uint64_t previous_uw;
};

struct idle_power {
	enum idle_power_origin origin;
	uint64_t given_uw; /* unless learned */
	struct idle_power_state learned;
};

/*
 * One tick: the zone's energy in dt_ns, in which the package's CPUs were busy for
 * busy_ns out of capacity_ns (dt_ns x hardware threads).
 */
void idle_power_learn(struct idle_power_state *state, uint64_t energy_uj, uint64_t dt_ns,
	uint64_t busy_ns, uint64_t capacity_ns);

/* In microwatts; 0: not known. */
uint64_t idle_power_uw(const struct idle_power *power);

/* How much of energy_uj, used in dt_ns, is idle energy. */
uint64_t idle_power_energy_uj(
	const struct idle_power *power, uint64_t energy_uj, uint64_t dt_ns);

/* "learned", "configured" or "calibrated". */
const char *idle_power_origin_name(enum idle_power_origin origin);
