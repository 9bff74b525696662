/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Counters that move between samples. All in integers: a plan keeps what is behind
 * in picojoule, so the least speed of 1 uJ/ms is exactly 1 pJ a nanosecond and
 * nothing is rounded away where one plan takes over from another.
 */
#include "fuse-powercap/virtual.h"

#include <errno.h>

#include "shared/clock.h"

#define PICOJOULE_PER_UJ 1000000u

int virtual_counters_init(struct virtual_counters *counters,
	const struct powercap_model *model, uint64_t period_ms, uint64_t stale_after_ms)
{
	struct virtual_counters fresh = { .n_zones = model->n_zones };
	int r;

	r = virtual_counters_set_times(&fresh, period_ms, stale_after_ms);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < model->n_zones; i++)
		fresh.range_uj[i] = model->zones[i].max_energy_range_uj;
	*counters = fresh;
	return 0;
}

int virtual_counters_set_times(
	struct virtual_counters *counters, uint64_t period_ms, uint64_t stale_after_ms)
{
	if (period_ms == 0 || period_ms > VIRTUAL_PERIOD_MAX_MS || stale_after_ms == 0 ||
		stale_after_ms > VIRTUAL_STALE_AFTER_MAX_MS)
		return -EINVAL;
	counters->period_ns = period_ms * NSEC_PER_MSEC;
	counters->stale_after_ns = stale_after_ms * NSEC_PER_MSEC;
	return 0;
}

/* Nothing is ever read of an instant before one that was read or planned at. */
static void advance_now(struct virtual_counters *counters, uint64_t now_ns)
{
	if (now_ns > counters->now_ns)
		counters->now_ns = now_ns;
}

static bool is_stale(const struct virtual_counters *counters)
{
	return !counters->planned ||
	       counters->now_ns - counters->plan_ns >= counters->stale_after_ns;
}

/*
 * What is behind now. In each period the line covers half of what was behind when
 * the period began, so n periods leave behind_pj >> n.
 */
static unsigned __int128 behind_now(
	const struct virtual_counters *counters, const struct virtual_plan *plan)
{
	uint64_t elapsed_ns = counters->now_ns - counters->plan_ns;
	uint64_t periods = elapsed_ns / counters->plan_period_ns;
	unsigned __int128 rest_pj, moved_pj;

	if (periods > plan->fast_periods)
		periods = plan->fast_periods;
	elapsed_ns -= periods * counters->plan_period_ns;
	rest_pj = plan->behind_pj >> periods;
	if (periods == plan->fast_periods)
		moved_pj = elapsed_ns;
	else
		moved_pj = rest_pj * elapsed_ns / (2 * counters->plan_period_ns);
	return moved_pj < rest_pj ? rest_pj - moved_pj : 0;
}

/* The first period in which the line is slower than 1 pJ/ns. */
static unsigned int count_fast_periods(unsigned __int128 behind_pj, uint64_t period_ns)
{
	unsigned int n = 0;

	while (behind_pj >> n >= 2 * period_ns)
		n++;
	return n;
}

int virtual_counters_sample(struct virtual_counters *counters,
	const uint64_t *measured_uj, uint64_t now_ns, bool exact)
{
	for (unsigned int i = 0; i < counters->n_zones; i++) {
		if (counters->planned && measured_uj[i] < counters->plans[i].measured_uj)
			return -ERANGE;
	}
	advance_now(counters, now_ns);
	exact = exact || is_stale(counters);
	for (unsigned int i = 0; i < counters->n_zones; i++) {
		struct virtual_plan *plan = &counters->plans[i];
		unsigned __int128 behind_pj = 0;

		if (!exact) {
			behind_pj = measured_uj[i] - plan->measured_uj;
			behind_pj *= PICOJOULE_PER_UJ;
			behind_pj += behind_now(counters, plan);
		}
		plan->measured_uj = measured_uj[i];
		plan->behind_pj = behind_pj;
		plan->fast_periods = count_fast_periods(behind_pj, counters->period_ns);
	}
	counters->planned = true;
	counters->plan_ns = counters->now_ns;
	counters->plan_period_ns = counters->period_ns;
	return 0;
}

int virtual_counters_shown(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj)
{
	const struct virtual_plan *plan;
	unsigned __int128 behind_pj;

	if (zone >= counters->n_zones)
		return -EINVAL;
	advance_now(counters, now_ns);
	if (is_stale(counters))
		return -EIO;
	plan = &counters->plans[zone];
	behind_pj = behind_now(counters, plan);
	*ret_uj = plan->measured_uj -
		  (uint64_t)((behind_pj + PICOJOULE_PER_UJ - 1) / PICOJOULE_PER_UJ);
	return 0;
}

int virtual_counters_read(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj)
{
	uint64_t shown_uj;
	int r;

	r = virtual_counters_shown(counters, zone, now_ns, &shown_uj);
	if (r < 0)
		return r;
	shown_uj %= counters->range_uj[zone];
	*ret_uj = shown_uj ? shown_uj : counters->range_uj[zone] - 1;
	return 0;
}
