/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Idle power: given, or the lower envelope of what was seen. */
#include "host/idle_power.h"

#include "shared/clock.h"

/* Means over less are at the mercy of when the counter was updated. */
#define BLOCK_NS (UINT64_C(10) * NSEC_PER_SEC)
/* Of idle time; the envelope spans one to two of them. */
#define HALF_WINDOW_NS (UINT64_C(12) * 3600 * NSEC_PER_SEC)
/* A block is almost idle when at most one CPU second in so many was busy. */
#define IDLE_FRACTION 10

/* 0 is none: a counter that stands still does not make a host that needs no power. */
static uint64_t lower(uint64_t a_uw, uint64_t b_uw)
{
	if (a_uw == 0 || b_uw == 0)
		return a_uw | b_uw;
	return a_uw < b_uw ? a_uw : b_uw;
}

static void begin_block(struct idle_power_state *state)
{
	state->block_uj = 0;
	state->block_ns = 0;
	state->block_busy_ns = 0;
	state->block_capacity_ns = 0;
}

static void end_block(struct idle_power_state *state)
{
	unsigned __int128 power_uw = (unsigned __int128)state->block_uj * NSEC_PER_SEC /
				     state->block_ns;

	if (state->block_busy_ns > state->block_capacity_ns / IDLE_FRACTION)
		return;
	if (power_uw > UINT64_MAX)
		return;
	if (state->window_ns >= HALF_WINDOW_NS) {
		state->previous_uw = state->current_uw;
		state->current_uw = 0;
		state->window_ns = 0;
	}
	state->current_uw = lower(state->current_uw, (uint64_t)power_uw);
	state->window_ns += state->block_ns;
}

void idle_power_learn(struct idle_power_state *state, uint64_t energy_uj, uint64_t dt_ns,
	uint64_t busy_ns, uint64_t capacity_ns)
{
	if (__builtin_add_overflow(state->block_uj, energy_uj, &state->block_uj) ||
		__builtin_add_overflow(state->block_ns, dt_ns, &state->block_ns) ||
		__builtin_add_overflow(
			state->block_busy_ns, busy_ns, &state->block_busy_ns) ||
		__builtin_add_overflow(state->block_capacity_ns, capacity_ns,
			&state->block_capacity_ns)) {
		begin_block(state);
		return;
	}
	if (state->block_ns < BLOCK_NS)
		return;
	end_block(state);
	begin_block(state);
}

uint64_t idle_power_uw(const struct idle_power *power)
{
	if (power->origin != IDLE_POWER_LEARNED)
		return power->given_uw;
	return lower(power->learned.current_uw, power->learned.previous_uw);
}

uint64_t idle_power_energy_uj(
	const struct idle_power *power, uint64_t energy_uj, uint64_t dt_ns)
{
	unsigned __int128 idle_uj = (unsigned __int128)idle_power_uw(power) * dt_ns /
				    NSEC_PER_SEC;

	return idle_uj < energy_uj ? (uint64_t)idle_uj : energy_uj;
}

const char *idle_power_origin_name(enum idle_power_origin origin)
{
	static const char *const names[] = {
		[IDLE_POWER_LEARNED] = "learned",
		[IDLE_POWER_CONFIGURED] = "configured",
		[IDLE_POWER_CALIBRATED] = "calibrated",
	};

	return names[origin];
}
