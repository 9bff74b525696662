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

int mirror_restore(struct mirror *mirror, const struct mirror_memory *memory)
{
	struct powercap_model model;
	int r;

	if (memory->n_zones == 0 || memory->n_zones > POWERCAP_ZONES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < memory->n_zones; i++) {
		if (!memchr(memory->zones[i].name, '\0', sizeof(memory->zones[i].name)))
			return -EINVAL;
	}
	r = make_model(memory, &model);
	if (r < 0)
		return r;
	mirror_init(mirror);
	mirror->memory = *memory;
	mirror->model = model;
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
	if (mirror->counting)
		r = virtual_counters_set_times(
			&mirror->counters, welcome->period_ms, welcome->stale_after_ms);
	else
		r = virtual_counters_init(&mirror->counters, &model, welcome->period_ms,
			welcome->stale_after_ms);
	if (r < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < memory.n_zones; i++) {
		int place = find_place(&memory, i, welcome);

		if (mirror->counting &&
			(place == MIRROR_ABSENT) != (mirror->places[i] == MIRROR_ABSENT))
			mirror->changed = true;
		mirror->places[i] = place;
	}
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
	zone->flags |= MIRROR_MEASURED | MIRROR_CURRENT;
	return 0;
}

/*
 * Whether time passed for the host that did not pass here: the guest was paused, or
 * was restored. Two periods are what a slow tick and a slow port may differ by.
 */
static bool was_paused(
	const struct mirror *mirror, const struct message_sample *sample, uint64_t now_ns)
{
	uint64_t theirs_ns = sample->t_ns - mirror->t_ns;
	uint64_t ours_ns = now_ns - mirror->sampled_ns;

	return mirror->sampled && sample->t_ns > mirror->t_ns && theirs_ns > ours_ns &&
	       theirs_ns - ours_ns > 2 * mirror->period_ns;
}

bool mirror_doubts(
	const struct mirror *mirror, const struct message_sample *sample, uint64_t now_ns)
{
	return !mirror->welcomed && was_paused(mirror, sample, now_ns);
}

int mirror_prepare(const struct mirror *mirror, const struct message_sample *sample,
	struct mirror_memory *ret_memory)
{
	struct mirror_memory memory = mirror->memory;
	bool new_epoch = uuid_compare(&memory.epoch, &mirror->epoch) != 0;

	for (uint32_t i = 0; i < memory.n_zones; i++) {
		int place = mirror->places[i], r;

		if (new_epoch)
			memory.zones[i].flags &= ~MIRROR_CURRENT;
		if (place == MIRROR_ABSENT)
			continue;
		assert((size_t)place < sample->n_zones);
		r = advance_zone(&memory.zones[i], sample->uj[place], mirror->from_start);
		if (r < 0)
			return r;
	}
	memory.epoch = mirror->epoch;
	*ret_memory = memory;
	return 0;
}

void mirror_commit(struct mirror *mirror, const struct message_sample *sample,
	const struct mirror_memory *memory, uint64_t now_ns)
{
	uint64_t measured_uj[POWERCAP_ZONES_MAX];
	bool exact = mirror->changed || was_paused(mirror, sample, now_ns) ||
		     uuid_compare(&mirror->memory.epoch, &memory->epoch) != 0;
	int r;

	for (uint32_t i = 0; i < memory->n_zones; i++)
		measured_uj[i] = memory->zones[i].measured_uj;
	r = virtual_counters_sample(&mirror->counters, measured_uj, now_ns, exact);
	/* mirror_prepare() lets no value decrease. */
	assert(r == 0);
	(void)r;
	mirror->memory = *memory;
	mirror->changed = false;
	mirror->welcomed = false;
	mirror->sampled = true;
	mirror->t_ns = sample->t_ns;
	mirror->sampled_ns = now_ns;
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
	return mirror->sampled ? mirror->sampled_ns + mirror->stale_after_ns : UINT64_MAX;
}

static bool zone_is_measured(const struct mirror *mirror, unsigned int zone)
{
	return zone < mirror->memory.n_zones && mirror->sampled &&
	       mirror->places[zone] != MIRROR_ABSENT &&
	       (mirror->memory.zones[zone].flags & MIRROR_CURRENT);
}

int mirror_read(
	struct mirror *mirror, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj)
{
	if (!zone_is_measured(mirror, zone))
		return -EIO;
	return virtual_counters_read(&mirror->counters, zone, now_ns, ret_uj);
}

int mirror_shown(
	struct mirror *mirror, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj)
{
	if (!zone_is_measured(mirror, zone))
		return -EIO;
	return virtual_counters_shown(&mirror->counters, zone, now_ns, ret_uj);
}
