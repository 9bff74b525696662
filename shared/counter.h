/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The energy that flowed between two readings of a powercap counter. Pure.
 *
 * energy_uj counts microjoules and starts again at 0 after max_energy_range_uj
 * (Documentation/power/powercap/powercap.rst), so one smaller reading is one
 * wrap; whether it was only one, the time between the readings must tell.
 */
#pragma once

#include <stdint.h>

/* Assumed where constraint_0_max_power_uw is absent or 0: 1 kW. */
#define COUNTER_DEFAULT_MAX_POWER_UW 1000000000u

enum counter_step {
	COUNTER_OK,
	/* dt > range / (2 x maximum power): the counter may have wrapped unseen. */
	COUNTER_AMBIGUOUS,
	/* A reading over the range, or more energy than 4 x the maximum power yields. */
	COUNTER_IMPOSSIBLE,
};

/*
 * From previous_uj to now_uj in dt_ns, of a counter that wraps behind range_uj
 * and whose zone draws at most max_power_uw (0: unknown). *ret_delta_uj is the
 * smallest energy consistent with both readings; 0 for COUNTER_IMPOSSIBLE.
 */
enum counter_step counter_advance(uint64_t previous_uj, uint64_t now_uj,
	uint64_t range_uj, uint64_t max_power_uw, uint64_t dt_ns, uint64_t *ret_delta_uj);
