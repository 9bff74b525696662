/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The energy between two readings of a counter that wraps. */
#include "shared/counter.h"

#include "shared/clock.h"

/* Firmware lets a package exceed its limit for a short time; no package quadruples it. */
#define IMPOSSIBLE_POWER_FACTOR 4u

/* Counters are updated about once a millisecond: a short tick may see a late update. */
#define UPDATE_SLACK_NS 10000000u

static uint64_t energy_uj(uint64_t power_uw, uint64_t time_ns)
{
	unsigned __int128 energy = (unsigned __int128)power_uw * time_ns / NSEC_PER_SEC;

	return energy > UINT64_MAX ? UINT64_MAX : (uint64_t)energy;
}

enum counter_step counter_advance(uint64_t previous_uj, uint64_t now_uj,
	uint64_t range_uj, uint64_t max_power_uw, uint64_t dt_ns, uint64_t *ret_delta_uj)
{
	uint64_t delta_uj, full_uj;

	if (max_power_uw == 0)
		max_power_uw = COUNTER_DEFAULT_MAX_POWER_UW;
	*ret_delta_uj = 0;
	if (now_uj > range_uj || previous_uj > range_uj)
		return COUNTER_IMPOSSIBLE;
	delta_uj = now_uj >= previous_uj ? now_uj - previous_uj
					 : range_uj - previous_uj + now_uj;
	full_uj = energy_uj(max_power_uw, dt_ns);
	if (full_uj > range_uj / 2) {
		*ret_delta_uj = delta_uj;
		return COUNTER_AMBIGUOUS;
	}
	if (delta_uj / IMPOSSIBLE_POWER_FACTOR >
		full_uj + energy_uj(max_power_uw, UPDATE_SLACK_NS))
		return COUNTER_IMPOSSIBLE;
	*ret_delta_uj = delta_uj;
	return COUNTER_OK;
}
