/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Counters that move between samples: what energy_uj shows at any instant, given
 * the measured values that arrive once a period. Pure: time is an argument, from
 * any one clock that does not go back.
 *
 * A sample plans, for all zones at once, a straight line from the shown value to
 * the measured one over the next two periods. When no sample came after a period,
 * the slope is halved, and again after every further one. Two bounds hold:
 *
 * - It is never steeper than the highest power that was measured between two
 *   samples. After samples that were late, when more than two periods' energy is
 *   behind, it stays at that power until the rest fits the line.
 * - It moves by 1 uJ/ms at least until the measured value is reached, and from the
 *   second period on leaves enough to do so until the values are stale.
 *
 * So the shown value never decreases, never passes what was measured, and shows no
 * power that there never was.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fuse-powercap/zone.h"

/* An hour and a day; the arithmetic has room for no more than that. */
#define VIRTUAL_PERIOD_MAX_MS	   3600000u
#define VIRTUAL_STALE_AFTER_MAX_MS 86400000u

/*
 * Zones that are read within this time of the first one are read as of that one's
 * instant: who reads package and dram one after the other has both of one sample.
 * More than one such pass takes, and no more than ten updates of real hardware.
 */
#define VIRTUAL_PASS_NS 10000000u

/* Of one zone, at the plan's begin: where it goes, and how far that is. */
struct virtual_zone_plan {
	uint64_t measured_uj;
	/* The highest power between two samples so far, rounded up; 0: not known. */
	uint64_t peak_uw;
	/* Measured and not shown yet, in picojoule: 1 uJ/ms is 1 pJ/ns. */
	unsigned __int128 behind_pj;
};

/*
 * What one sample has planned: all that is needed to go on with it elsewhere. Of
 * fixed size and without padding, to be stored as it is; all zero is no plan.
 */
struct virtual_plan {
	uint64_t begin_ns;
	uint64_t period_ns;
	uint64_t stale_after_ns;
	uint64_t reserved; /* 0 */
	struct virtual_zone_plan zones[POWERCAP_ZONES_MAX];
};

/* How a zone's plan is run through: derived from it once. */
struct virtual_course {
	/* Full periods at the peak, then halved ones; then the least speed is left. */
	uint64_t peak_periods;
	unsigned int halved_periods;
	/* Kept at the end of the first period, for the least speed. */
	uint64_t reserve_pj;
};

/* The zones that were not read yet of those shown at one instant. */
struct virtual_pass {
	uint64_t begin_ns;
	uint32_t unread;
	uint64_t shown_uj[POWERCAP_ZONES_MAX];
};

/* To be read through the functions below only. Plain; nothing to release. */
struct virtual_counters {
	unsigned int n_zones;
	uint64_t range_uj[POWERCAP_ZONES_MAX];
	uint64_t period_ns;
	uint64_t stale_after_ns;
	/* The latest instant any zone was read or planned at. */
	uint64_t now_ns;
	struct virtual_plan plan;
	struct virtual_course courses[POWERCAP_ZONES_MAX];
	struct virtual_pass pass;
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

/* Whether a plan of so many zones can be one that a sample made, or is none. */
bool virtual_plan_is_valid(const struct virtual_plan *plan, unsigned int n_zones);

/* Goes on with a valid plan of the same zones as if it had been made here. */
void virtual_counters_resume(
	struct virtual_counters *counters, const struct virtual_plan *plan);

/* For virtual_sample.exact. */
#define VIRTUAL_ALL_ZONES UINT32_MAX

struct virtual_sample {
	/* Cumulative, of every zone in the model's order, never modulo the range. */
	const uint64_t *measured_uj;
	/* Since the sample before, by the clock of who measured; 0: not known. */
	uint64_t elapsed_ns;
	/*
	 * Bit n: the shown value of zone n jumps to the measured one, as all do for
	 * the first sample and the first one after staleness. For what this clock
	 * cannot see: pause, restore, migration, a zone that was away.
	 */
	uint32_t exact;
};

/* -ERANGE: a value is lower than the last one, and nothing of the sample is taken. */
int virtual_counters_sample(struct virtual_counters *counters,
	const struct virtual_sample *sample, uint64_t now_ns);

/*
 * What is shown of a zone at now_ns, cumulative. A now_ns before the latest one
 * given reads as the latest one, for whichever zone that was. -EIO: no sample yet,
 * or none for stale_after; -EINVAL: no such zone.
 */
int virtual_counters_shown(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj);

/*
 * The same as energy_uj has it: of the pass's instant (VIRTUAL_PASS_NS), which ends
 * when a zone is read again; modulo max_energy_range_uj, and range - 1 in place of
 * 0, which some tools take for a broken counter. Errors as above.
 */
int virtual_counters_read(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj);
