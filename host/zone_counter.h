/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One zone's energy counter from tick to tick: which reading is the baseline, and
 * what to make of one that is missing, impossible or across a suspend. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/tick.h"

/* Zeroed: no baseline yet. */
struct zone_counter {
	bool known;
	bool suspect; /* the last reading was impossible: it or the baseline is wrong */
	uint64_t energy_uj;   /* the last good reading */
	uint64_t boottime_ns; /* and when */
};

/* The energy since the baseline, and the time it took. */
struct zone_delta {
	enum tick_zone_state state;
	uint64_t energy_uj;
	uint64_t dt_ns;
};

/*
 * Takes one reading. An unreadable zone is excluded and keeps its baseline: what
 * flowed meanwhile comes with the next good reading, if it is a possible amount.
 * Two impossible readings in a row move the baseline: the counter was reset.
 * Across a suspend, energy is TICK_ZONE_AMBIGUOUS if the counter went on, and
 * unknown if it did not.
 */
void zone_counter_advance(struct zone_counter *counter, const struct machine_zone *zone,
	const struct sample_zone *now, uint64_t boottime_ns, bool suspended,
	struct zone_delta *ret_delta);
