/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a made-up host (world.h) used in each hour, added up the plain way, to hold what
 * a state directory says against. Plain memory: it may be shared with a child.
 */
#pragma once

#include "host/ledger_history.h"
#include "tests/unit/world.h"

#define MODEL_HOURS   128
#define MODEL_DOMAINS 64
#define MODEL_ZONES   4

struct model_hour {
	uint64_t since_s;
	uint64_t host_uj[MODEL_ZONES][2], unattributed_uj[MODEL_ZONES];
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
	uint64_t domains_uj[MODEL_DOMAINS][MODEL_ZONES][2];
	uint64_t domains_ns[MODEL_DOMAINS][MESSAGE_DEGRADED + 1];
};

struct model {
	size_t n_hours;
	struct model_hour hours[MODEL_HOURS];
};

static inline struct model_hour *model_hour(struct model *model, uint64_t since_s)
{
	struct model_hour *hour = model->hours;

	while (hour < model->hours + model->n_hours && hour->since_s != since_s)
		hour++;
	if (hour == model->hours + model->n_hours) {
		assert(model->n_hours < MODEL_HOURS);
		*hour = (struct model_hour){ .since_s = since_s };
		model->n_hours++;
	}
	return hour;
}

/* The world's tick, which ended then. */
static inline void model_add_tick(struct model *model, const struct world *world)
{
	uint64_t wall_s = world->wall_ns / NSEC_PER_SEC;
	struct model_hour *hour = model_hour(model, wall_s - wall_s % 3600);
	const struct tick *tick = &world->tick;

	hour->quality_ns[tick->quality] += tick->dt_ns;
	for (size_t zone = 0; zone < tick->n_zones; zone++) {
		hour->host_uj[zone][0] += tick->zones[zone].host.dynamic_uj;
		hour->host_uj[zone][1] += tick->zones[zone].host.idle_uj;
		hour->unattributed_uj[zone] += tick->zones[zone].unattributed_uj;
	}
	for (size_t i = 0; i < tick->n_domains; i++) {
		uint8_t number = tick->domains[i].uuid.bytes[3];

		hour->domains_ns[number][tick->quality] += tick->dt_ns;
		for (size_t zone = 0; zone < tick->n_zones; zone++) {
			const struct tick_share *share = tick_share(tick, i, zone);

			hour->domains_uj[number][zone][0] += share->dynamic_uj;
			hour->domains_uj[number][zone][1] += share->idle_uj;
		}
	}
}

/* A record, added to what it is of; false: it is of something the model has not. */
static inline bool model_add_record(
	struct model *model, const struct interval_record *record, uint64_t since_s)
{
	struct model_hour *hour = model_hour(model, since_s);

	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++)
		hour->quality_ns[i] += record->quality_ns[i];
	for (uint32_t z = 0; z < record->n_zones; z++) {
		const struct interval_zone *zone = &record->zones[z];
		uint32_t at;

		if (sscanf(zone->name, "package-%u", &at) != 1 || at >= MODEL_ZONES)
			return false;
		hour->host_uj[at][0] += zone->host.dynamic_uj;
		hour->host_uj[at][1] += zone->host.idle_uj;
		hour->unattributed_uj[at] += zone->unattributed_uj;
		for (uint32_t i = 0; i < record->n_domains; i++) {
			const struct tick_share *share = interval_share(record, i, z);
			uint8_t number = record->domains[i].uuid.bytes[3];

			hour->domains_uj[number][at][0] += share->dynamic_uj;
			hour->domains_uj[number][at][1] += share->idle_uj;
		}
	}
	for (uint32_t i = 0; i < record->n_domains; i++) {
		const struct interval_domain *domain = &record->domains[i];

		for (size_t q = 0; q <= MESSAGE_DEGRADED; q++)
			hour->domains_ns[domain->uuid.bytes[3]][q] +=
				domain->quality_ns[q];
	}
	return true;
}

/* What a directory says, by hour; with one_hour, all of it in one. */
static inline bool model_add_history(
	struct model *model, const struct ledger_history *history, bool one_hour)
{
	for (size_t i = 0; i < history->n; i++) {
		const struct interval_record *record = &history->records[i];

		if (!model_add_record(
			    model, record, one_hour ? 0 : record->interval.since_s))
			return false;
	}
	return true;
}

/* All hours in one. */
static inline struct model_hour model_total(const struct model *model)
{
	struct model_hour total = { 0 };

	for (size_t h = 0; h < model->n_hours; h++) {
		const uint64_t *from = (const uint64_t *)&model->hours[h];
		uint64_t *to = (uint64_t *)&total;

		for (size_t i = 1; i < sizeof(total) / sizeof(*to); i++)
			to[i] += from[i];
	}
	return total;
}
