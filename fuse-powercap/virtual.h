/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Counters that move between samples: what energy_uj shows at any instant, given
 * the measured values that arrive once a period. Pure: time is an argument, from
 * any one clock that does not go back.
 *
 * A sample plans, for all zones at once, a straight line from the shown value to
 * the measured one over the next two periods. When no sample came after a period,
 * the slope is halved, and again after every further one, which ends exactly at
 * the measured value; but it moves by 1 uJ/ms at least until it is there. So the
 * shown value never decreases and never passes what was measured.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fuse-powercap/zone.h"

/* An hour and a day; the arithmetic has room for no more than that. */
#define VIRTUAL_PERIOD_MAX_MS	   3600000u
#define VIRTUAL_STALE_AFTER_MAX_MS 86400000u

/* Of one zone, at plan_ns: where it goes, and how far that is. */
struct virtual_plan {
	uint64_t measured_uj;
	/* Measured and not shown yet, in picojoule: 1 uJ/ms is 1 pJ/ns. */
	unsigned __int128 behind_pj;
	/* Full periods after which only the least speed is left. */
	unsigned int fast_periods;
};

/* To be read through the functions below only. Plain; nothing to release. */
struct virtual_counters {
	unsigned int n_zones;
	uint64_t range_uj[POWERCAP_ZONES_MAX];
	uint64_t period_ns;
	uint64_t stale_after_ns;
	/* False until the first sample. */
	bool planned;
	uint64_t plan_ns;
	uint64_t plan_period_ns;
	/* The latest instant any zone was read or planned at. */
	uint64_t now_ns;
	struct virtual_plan plans[POWERCAP_ZONES_MAX];
};

/* Counters for the model's zones, without a sample yet. Errors as below. */
int virtual_counters_init(struct virtual_counters *counters,
	const struct powercap_model *model, uint64_t period_ms, uint64_t stale_after_ms);

/*
 * A new welcome's times: the period holds from the next sample on, stale_after at
 * once. -EINVAL: one is 0 or over its maximum.
 */
int virtual_counters_set_times(
	struct virtual_counters *counters, uint64_t period_ms, uint64_t stale_after_ms);

/*
 * One sample: cumulative microjoules of every zone in the model's order, never
 * reduced modulo the range. With exact set, and for the first sample and the first
 * one after staleness, the shown values jump to the measured ones: set it for what
 * this clock cannot see (pause, restore, migration). -ERANGE: a value is lower
 * than the last one, and nothing of the sample is taken.
 */
int virtual_counters_sample(struct virtual_counters *counters,
	const uint64_t *measured_uj, uint64_t now_ns, bool exact);

/*
 * What is shown of a zone at now_ns, cumulative. A now_ns before the latest one
 * given reads as the latest one, for whichever zone that was. -EIO: no sample yet,
 * or none for stale_after; -EINVAL: no such zone.
 */
int virtual_counters_shown(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj);

/*
 * The same as energy_uj has it: modulo max_energy_range_uj, and range - 1 in place
 * of 0, which some tools take for a broken counter. Errors as above.
 */
int virtual_counters_read(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj);
