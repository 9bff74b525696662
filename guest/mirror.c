/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The host's zones as the guest's: epochs, offsets, and which zone is which. */
#include "guest/mirror.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "shared/clock.h"

_Static_assert(POWERCAP_ZONES_MAX >= MESSAGE_ZONES_MAX, "every welcome fits");
_Static_assert(POWERCAP_ZONE_NAME_SIZE == MESSAGE_ZONE_NAME_SIZE, "every name fits");

/* Clocks that follow another are slewed by 1/2000 of it at most. */
#define DRIFT_PARTS 1000

void mirror_init(struct mirror *mirror)
{
	memset(mirror, 0, sizeof(*mirror));
}

static int make_model(
	const struct mirror_memory *memory, struct powercap_model *ret_model)
{
	struct powercap_model model = { 0 };

	for (uint32_t i = 0; i < memory->n_zones; i++) {
		const struct mirror_zone *zone = &memory->zones[i];
		int r = powercap_model_add(
			&model, zone->name, zone->max_energy_range_uj, zone->parent);

		if (r < 0)
			return -EINVAL;
	}
	*ret_model = model;
	return 0;
}

int mirror_restore(
	struct mirror *mirror, const struct mirror_memory *memory, uint64_t now_ns)
{
	struct powercap_model model;
	int r;

	if (memory->n_zones == 0 || memory->n_zones > POWERCAP_ZONES_MAX ||
		!virtual_plan_is_valid(&memory->plan, memory->n_zones))
		return -EINVAL;
	for (uint32_t i = 0; i < memory->n_zones; i++) {
		const struct mirror_zone *zone = &memory->zones[i];

		if (!memchr(zone->name, '\0', sizeof(zone->name)) ||
			zone->measured_uj != memory->plan.zones[i].measured_uj)
			return -EINVAL;
	}
	r = make_model(memory, &model);
	if (r < 0)
		return r;
	mirror_init(mirror);
	mirror->memory = *memory;
	mirror->model = model;
	if (memory->plan.begin_ns > now_ns)
		mirror->memory.plan.period_ns = 0;
	return 0;
}

static void take_zones(
	const struct message_welcome *welcome, struct mirror_memory *memory)
{
	memory->n_zones = (uint32_t)welcome->n_zones;
	for (size_t i = 0; i < welcome->n_zones; i++) {
		const struct message_zone *from = &welcome->zones[i];
		struct mirror_zone *zone = &memory->zones[i];

		*zone = (struct mirror_zone){
			.parent = from->parent < 0 ? POWERCAP_ZONE_NO_PARENT
						   : from->parent,
			.max_energy_range_uj = from->max_energy_range_uj,
		};
		memcpy(zone->name, from->name, sizeof(zone->name));
	}
}

/* Whether the two are the same zone: of one name, in packages of one name. */
static bool zone_is(const struct mirror_memory *memory, uint32_t zone,
	const struct message_welcome *welcome, size_t place)
{
	const struct mirror_zone *ours = &memory->zones[zone];
	const struct message_zone *theirs = &welcome->zones[place];

	if (strcmp(ours->name, theirs->name) != 0 ||
		(ours->parent < 0) != (theirs->parent < 0))
		return false;
	return ours->parent < 0 || strcmp(memory->zones[ours->parent].name,
					   welcome->zones[theirs->parent].name) == 0;
}

static int find_place(const struct mirror_memory *memory, uint32_t zone,
	const struct message_welcome *welcome)
{
	for (size_t place = 0; place < welcome->n_zones; place++) {
		if (zone_is(memory, zone, welcome, place))
			return (int)place;
	}
	return MIRROR_ABSENT;
}

static int set_times(struct mirror *mirror, const struct message_welcome *welcome,
	const struct powercap_model *model)
{
	int r;

	if (mirror->counting)
		return virtual_counters_set_times(
			&mirror->counters, welcome->period_ms, welcome->stale_after_ms);
	r = virtual_counters_init(
		&mirror->counters, model, welcome->period_ms, welcome->stale_after_ms);
	if (r == 0)
		virtual_counters_resume(&mirror->counters, &mirror->memory.plan);
	return r;
}

int mirror_welcome(struct mirror *mirror, const struct message_welcome *welcome)
{
	struct mirror_memory memory = mirror->memory;
	struct powercap_model model = mirror->model;
	int r;

	if (memory.n_zones == 0) {
		take_zones(welcome, &memory);
		r = make_model(&memory, &model);
		if (r < 0)
			return r;
	}
	if (set_times(mirror, welcome, &model) < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < memory.n_zones; i++)
		mirror->places[i] = find_place(&memory, i, welcome);
	mirror->memory = memory;
	mirror->model = model;
	mirror->counting = true;
	mirror->epoch = welcome->epoch;
	mirror->from_start = welcome->from_start;
	mirror->welcomed = true;
	mirror->period_ns = welcome->period_ms * (uint64_t)NSEC_PER_MSEC;
	mirror->stale_after_ns = welcome->stale_after_ms * (uint64_t)NSEC_PER_MSEC;
	return 0;
}

/* What a host counts in an epoch that the zone was not in before. */
static int enter_epoch(struct mirror_zone *zone, uint64_t uj, bool from_start)
{
	uint64_t measured_uj = zone->measured_uj;

	/* Else it is not ours to know what flowed since the last epoch's last sample. */
	if (from_start && __builtin_add_overflow(measured_uj, uj, &measured_uj))
		return -ERANGE;
	zone->measured_uj = measured_uj;
	zone->offset_uj = measured_uj - uj;
	return 0;
}

static int advance_zone(struct mirror_zone *zone, uint64_t uj, bool from_start)
{
	uint64_t previous_uj = zone->measured_uj - zone->offset_uj, measured_uj;
	int r;

	if (uj > MIRROR_UJ_MAX)
		return -ERANGE;
	if (!(zone->flags & MIRROR_MEASURED)) {
		/* A counter that reads 0 makes tools give up on it. */
		zone->offset_uj = uj == 0 ? 1 : 0;
		zone->measured_uj = uj == 0 ? 1 : uj;
	} else if (!(zone->flags & MIRROR_CURRENT)) {
		r = enter_epoch(zone, uj, from_start);
		if (r < 0)
			return r;
	} else {
		if (uj < previous_uj || __builtin_add_overflow(zone->measured_uj,
						uj - previous_uj, &measured_uj))
			return -ERANGE;
		zone->measured_uj = measured_uj;
	}
	zone->flags |= MIRROR_MEASURED | MIRROR_CURRENT | MIRROR_SAMPLED;
	return 0;
}

/*
 * Whether time passed for the host that did not pass here: the guest was paused, or
 * was restored. Two periods are what a slow tick and a slow port may differ by.
 */
static bool was_paused(
	const struct mirror *mirror, const struct message_sample *sample, uint64_t now_ns)
{
	int64_t leapt_ns = (int64_t)(sample->t_ns - now_ns - mirror->memory.ahead_ns);

	return leapt_ns > 0 && (uint64_t)leapt_ns > 2 * mirror->period_ns;
}

bool mirror_doubts(
	const struct mirror *mirror, const struct message_sample *sample, uint64_t now_ns)
{
	return !mirror->welcomed && was_paused(mirror, sample, now_ns);
}

/*
 * How far the host's clock is ahead. One late sample says nothing of it: what counts
 * is the most of late, which wears off by what clocks drift at most.
 */
static uint64_t follow_clock(const struct mirror *mirror,
	const struct message_sample *sample, uint64_t elapsed_ns, uint64_t now_ns)
{
	uint64_t worn_ns = mirror->memory.ahead_ns - elapsed_ns / DRIFT_PARTS;
	uint64_t ahead_ns = sample->t_ns - now_ns;

	return (int64_t)(ahead_ns - worn_ns) > 0 ? ahead_ns : worn_ns;
}

/* The zones' new values are in memory; places them in time. */
static void plan_sample(const struct mirror *mirror, const struct message_sample *sample,
	uint64_t now_ns, uint32_t exact, struct mirror_memory *memory)
{
	struct virtual_counters counters = mirror->counters;
	uint64_t measured_uj[POWERCAP_ZONES_MAX];
	struct virtual_sample planned = { .measured_uj = measured_uj, .exact = exact };
	int r;

	if (sample->t_ns > mirror->memory.t_ns)
		planned.elapsed_ns = sample->t_ns - mirror->memory.t_ns;
	memory->ahead_ns = follow_clock(mirror, sample, planned.elapsed_ns, now_ns);
	if (was_paused(mirror, sample, now_ns))
		planned.exact = VIRTUAL_ALL_ZONES;
	if (uuid_compare(&mirror->memory.epoch, &mirror->epoch) != 0) {
		planned.exact = VIRTUAL_ALL_ZONES;
		memory->ahead_ns = sample->t_ns - now_ns;
	}
	for (uint32_t i = 0; i < memory->n_zones; i++)
		measured_uj[i] = memory->zones[i].measured_uj;
	r = virtual_counters_sample(&counters, &planned, now_ns);
	/* advance_zone() lets no value decrease. */
	assert(r == 0);
	(void)r;
	memory->epoch = mirror->epoch;
	memory->t_ns = sample->t_ns;
	memory->plan = counters.plan;
}

int mirror_prepare(const struct mirror *mirror, const struct message_sample *sample,
	uint64_t now_ns, struct mirror_memory *ret_memory)
{
	struct mirror_memory memory = mirror->memory;
	bool new_epoch = uuid_compare(&memory.epoch, &mirror->epoch) != 0;
	uint32_t exact = 0;

	for (uint32_t i = 0; i < memory.n_zones; i++) {
		struct mirror_zone *zone = &memory.zones[i];
		int place = mirror->places[i], r;

		if (new_epoch)
			zone->flags &= ~MIRROR_CURRENT;
		if (!(zone->flags & MIRROR_SAMPLED))
			exact |= UINT32_C(1) << i;
		zone->flags &= ~MIRROR_SAMPLED;
		if (place == MIRROR_ABSENT)
			continue;
		assert((size_t)place < sample->n_zones);
		r = advance_zone(zone, sample->uj[place], mirror->from_start);
		if (r < 0)
			return r;
	}
	plan_sample(mirror, sample, now_ns, exact, &memory);
	*ret_memory = memory;
	return 0;
}

void mirror_commit(struct mirror *mirror, const struct mirror_memory *memory)
{
	mirror->memory = *memory;
	mirror->welcomed = false;
	mirror->sampled = true;
	virtual_counters_resume(&mirror->counters, &memory->plan);
}

bool mirror_is_ready(const struct mirror *mirror)
{
	return mirror->sampled;
}

const struct powercap_model *mirror_model(const struct mirror *mirror)
{
	return &mirror->model;
}

uint64_t mirror_stale_at_ns(const struct mirror *mirror)
{
	return mirror->sampled ? mirror->memory.plan.begin_ns + mirror->stale_after_ns
			       : UINT64_MAX;
}

bool mirror_is_measured(const struct mirror *mirror, unsigned int zone)
{
	return zone < mirror->memory.n_zones && mirror->sampled &&
	       mirror->places[zone] != MIRROR_ABSENT &&
	       (mirror->memory.zones[zone].flags & MIRROR_SAMPLED);
}

int mirror_read(
	struct mirror *mirror, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj)
{
	if (!mirror_is_measured(mirror, zone))
		return -EIO;
	return virtual_counters_read(&mirror->counters, zone, now_ns, ret_uj);
}

int mirror_shown(
	struct mirror *mirror, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj)
{
	if (!mirror_is_measured(mirror, zone))
		return -EIO;
	return virtual_counters_shown(&mirror->counters, zone, now_ns, ret_uj);
}
