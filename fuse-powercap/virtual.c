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
/* A microwatt is one picojoule a microsecond. */
#define NSEC_PER_USEC 1000u
/* 1 uJ/ms. */
#define LEAST_UW     1000u
#define MS_TO_NS(ms) ((ms) * (uint64_t)NSEC_PER_MSEC)

/* Who takes longer for the next zone has begun again with it. */
#define SLOW_PASS_NS (10 * VIRTUAL_PASS_NS)

typedef unsigned __int128 picojoule;

_Static_assert(POWERCAP_ZONES_MAX <= 32, "a bit for each zone");
_Static_assert(sizeof(struct virtual_plan) == 32 + POWERCAP_ZONES_MAX * 32,
	"no padding is stored");

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
	counters->period_ns = MS_TO_NS(period_ms);
	counters->stale_after_ns = MS_TO_NS(stale_after_ms);
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
	return counters->plan.period_ns == 0 ||
	       counters->now_ns - counters->plan.begin_ns >= counters->stale_after_ns;
}

static picojoule peak_moves_pj(uint64_t peak_uw, uint64_t elapsed_ns)
{
	return (picojoule)peak_uw * elapsed_ns / NSEC_PER_USEC;
}

/*
 * What the plan leaves behind after elapsed_ns, but for the reserve. At the peak for
 * as long as more is behind than that moves in two periods; then in each period
 * half of what was behind when it began; then at the least speed.
 */
static picojoule line_pj(const struct virtual_zone_plan *zone,
	const struct virtual_course *course, uint64_t period_ns, uint64_t elapsed_ns)
{
	uint64_t peak_ns = course->peak_periods * period_ns, periods;
	picojoule rest_pj, moved_pj;

	if (elapsed_ns < peak_ns)
		return zone->behind_pj - peak_moves_pj(zone->peak_uw, elapsed_ns);
	rest_pj = zone->behind_pj;
	if (peak_ns > 0)
		rest_pj -= peak_moves_pj(zone->peak_uw, peak_ns);
	elapsed_ns -= peak_ns;
	periods = elapsed_ns / period_ns;
	if (periods > course->halved_periods)
		periods = course->halved_periods;
	elapsed_ns -= periods * period_ns;
	rest_pj >>= periods;
	if (periods == course->halved_periods)
		moved_pj = elapsed_ns;
	else
		moved_pj = rest_pj * elapsed_ns / (2 * period_ns);
	return moved_pj < rest_pj ? rest_pj - moved_pj : 0;
}

static picojoule behind_now(const struct virtual_counters *counters, unsigned int zone)
{
	const struct virtual_plan *plan = &counters->plan;
	const struct virtual_course *course = &counters->courses[zone];
	uint64_t elapsed_ns = counters->now_ns - plan->begin_ns;
	picojoule behind_pj;

	behind_pj = line_pj(&plan->zones[zone], course, plan->period_ns, elapsed_ns);
	if (elapsed_ns > plan->period_ns) {
		uint64_t moved_pj = elapsed_ns - plan->period_ns;

		if (moved_pj < course->reserve_pj &&
			behind_pj < course->reserve_pj - moved_pj)
			behind_pj = course->reserve_pj - moved_pj;
	}
	return behind_pj;
}

/* Longer than any plan is looked at need not be counted. */
static uint64_t count_peak_periods(
	const struct virtual_plan *plan, const struct virtual_zone_plan *zone)
{
	picojoule period_pj = peak_moves_pj(zone->peak_uw, plan->period_ns), periods;
	uint64_t most = MS_TO_NS(VIRTUAL_STALE_AFTER_MAX_MS) / plan->period_ns + 1;

	if (zone->peak_uw == 0 || zone->behind_pj <= 2 * period_pj)
		return 0;
	periods = (zone->behind_pj - 2 * period_pj + period_pj - 1) / period_pj;
	return periods < most ? (uint64_t)periods : most;
}

static struct virtual_course plan_course(
	const struct virtual_plan *plan, const struct virtual_zone_plan *zone)
{
	struct virtual_course course = { .peak_periods = count_peak_periods(plan, zone) };
	picojoule rest_pj = zone->behind_pj;

	if (course.peak_periods > 0)
		rest_pj -= peak_moves_pj(
			zone->peak_uw, course.peak_periods * plan->period_ns);
	while (rest_pj >> course.halved_periods >= 2 * plan->period_ns)
		course.halved_periods++;
	if (plan->stale_after_ns > plan->period_ns) {
		rest_pj = line_pj(zone, &course, plan->period_ns, plan->period_ns);
		course.reserve_pj = plan->stale_after_ns - plan->period_ns;
		if (rest_pj < course.reserve_pj)
			course.reserve_pj = (uint64_t)rest_pj;
	}
	return course;
}

bool virtual_plan_is_valid(const struct virtual_plan *plan, unsigned int n_zones)
{
	if (plan->period_ns == 0)
		return true;
	if (plan->period_ns % NSEC_PER_MSEC != 0 || plan->stale_after_ns == 0 ||
		plan->period_ns > MS_TO_NS(VIRTUAL_PERIOD_MAX_MS) ||
		plan->stale_after_ns > MS_TO_NS(VIRTUAL_STALE_AFTER_MAX_MS))
		return false;
	for (unsigned int i = 0; i < n_zones; i++) {
		const struct virtual_zone_plan *zone = &plan->zones[i];

		if (zone->behind_pj > (picojoule)zone->measured_uj * PICOJOULE_PER_UJ ||
			(zone->peak_uw > 0 && zone->peak_uw < LEAST_UW))
			return false;
	}
	return true;
}

void virtual_counters_resume(
	struct virtual_counters *counters, const struct virtual_plan *plan)
{
	advance_now(counters, plan->begin_ns);
	/* A value that is exact at once is not one of before. */
	if (is_stale(counters))
		counters->pass.unread = 0;
	counters->plan = *plan;
	if (plan->period_ns == 0)
		return;
	for (unsigned int i = 0; i < counters->n_zones; i++)
		counters->courses[i] = plan_course(plan, &plan->zones[i]);
}

/* The mean power of energy_uj in elapsed_ns, if that is more than the peak was. */
static uint64_t raise_peak(uint64_t peak_uw, uint64_t energy_uj, uint64_t elapsed_ns)
{
	unsigned __int128 mean_uw;

	if (elapsed_ns == 0)
		return peak_uw;
	mean_uw = (unsigned __int128)energy_uj * NSEC_PER_SEC + elapsed_ns - 1;
	mean_uw /= elapsed_ns;
	if (mean_uw < LEAST_UW)
		mean_uw = LEAST_UW;
	if (mean_uw > UINT64_MAX)
		mean_uw = UINT64_MAX;
	return mean_uw > peak_uw ? (uint64_t)mean_uw : peak_uw;
}

static struct virtual_zone_plan plan_zone(const struct virtual_counters *counters,
	unsigned int zone, const struct virtual_sample *sample)
{
	struct virtual_zone_plan plan = counters->plan.zones[zone];
	uint64_t energy_uj = sample->measured_uj[zone] - plan.measured_uj;

	plan.measured_uj = sample->measured_uj[zone];
	plan.behind_pj = 0;
	if (is_stale(counters) || sample->exact & UINT32_C(1) << zone)
		return plan;
	plan.behind_pj = (picojoule)energy_uj * PICOJOULE_PER_UJ;
	plan.behind_pj += behind_now(counters, zone);
	plan.peak_uw = raise_peak(plan.peak_uw, energy_uj, sample->elapsed_ns);
	return plan;
}

int virtual_counters_sample(struct virtual_counters *counters,
	const struct virtual_sample *sample, uint64_t now_ns)
{
	struct virtual_plan plan = {
		.period_ns = counters->period_ns,
		.stale_after_ns = counters->stale_after_ns,
	};

	for (unsigned int i = 0; i < counters->n_zones; i++) {
		if (sample->measured_uj[i] < counters->plan.zones[i].measured_uj)
			return -ERANGE;
	}
	advance_now(counters, now_ns);
	plan.begin_ns = counters->now_ns;
	for (unsigned int i = 0; i < counters->n_zones; i++)
		plan.zones[i] = plan_zone(counters, i, sample);
	virtual_counters_resume(counters, &plan);
	return 0;
}

/* At the latest instant, which is not stale. */
static uint64_t shown_now(const struct virtual_counters *counters, unsigned int zone)
{
	picojoule behind_pj = behind_now(counters, zone);

	return counters->plan.zones[zone].measured_uj -
	       (uint64_t)((behind_pj + PICOJOULE_PER_UJ - 1) / PICOJOULE_PER_UJ);
}

int virtual_counters_shown(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj)
{
	if (zone >= counters->n_zones)
		return -EINVAL;
	advance_now(counters, now_ns);
	if (is_stale(counters))
		return -EIO;
	*ret_uj = shown_now(counters, zone);
	return 0;
}

static void begin_pass(struct virtual_counters *counters, uint32_t unread)
{
	struct virtual_pass *pass = &counters->pass;

	pass->begin_ns = counters->now_ns;
	pass->unread = unread;
	for (unsigned int i = 0; i < counters->n_zones; i++)
		pass->shown_uj[i] = shown_now(counters, i);
}

int virtual_counters_read(struct virtual_counters *counters, unsigned int zone,
	uint64_t now_ns, uint64_t *ret_uj)
{
	struct virtual_pass *pass = &counters->pass;
	uint64_t age_ns, shown_uj;

	if (zone >= counters->n_zones)
		return -EINVAL;
	advance_now(counters, now_ns);
	if (is_stale(counters))
		return -EIO;
	age_ns = counters->now_ns - pass->begin_ns;
	if (!(pass->unread & UINT32_C(1) << zone) || age_ns > SLOW_PASS_NS)
		begin_pass(counters, VIRTUAL_ALL_ZONES);
	else if (age_ns > VIRTUAL_PASS_NS)
		/* The rest of it: what it has read already begins the next one. */
		begin_pass(counters, pass->unread);
	pass->unread &= ~(UINT32_C(1) << zone);
	shown_uj = pass->shown_uj[zone] % counters->range_uj[zone];
	*ret_uj = shown_uj ? shown_uj : counters->range_uj[zone] - 1;
	return 0;
}
