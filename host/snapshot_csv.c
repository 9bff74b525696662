/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Snapshots to CSV. */
#include "host/snapshot_csv.h"

#include "host/csv.h"
#include "host/export_row.h"

/* Whose energy a row has, and of what kind. */
struct row {
	const struct snapshot_zone *zone;
	const char *uuid, *name, *kind;
	uint64_t sum_uj, last_uj;
};

static void add_row(
	struct json_text *text, const struct snapshot *snapshot, const struct row *row)
{
	const char *const whose[] = { row->uuid, row->name, row->zone->name, row->kind };
	const uint64_t numbers[] = { row->sum_uj, row->last_uj, row->zone->last_ns };
	const char *const how[] = { snapshot->source,
		message_quality_name(snapshot->quality) };

	json_text_u64(text, snapshot->number);
	json_text_literal(text, ",");
	json_text_u64(text, snapshot->time_ns);
	json_text_literal(text, ",");
	for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++) {
		csv_field(text, whose[i]);
		json_text_literal(text, ",");
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_text_u64(text, numbers[i]);
		json_text_literal(text, ",");
	}
	csv_line(text, how, sizeof(how) / sizeof(how[0]));
}

/* Both kinds of a share. */
static void add_share(struct json_text *text, const struct snapshot *snapshot,
	struct row row, const struct tick_share *sum, const struct tick_share *last)
{
	row.kind = "dynamic";
	row.sum_uj = sum->dynamic_uj;
	row.last_uj = last->dynamic_uj;
	add_row(text, snapshot, &row);
	row.kind = "idle";
	row.sum_uj = sum->idle_uj;
	row.last_uj = last->idle_uj;
	add_row(text, snapshot, &row);
}

static void add_domains(
	struct json_text *text, const struct snapshot *snapshot, size_t zone)
{
	char uuid[UUID_TEXT_SIZE];

	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];
		const struct row row = {
			.zone = &snapshot->zones[zone],
			.uuid = uuid,
			.name = domain->name,
		};

		uuid_format(&domain->uuid, uuid);
		add_share(text, snapshot, row, &domain->zones[zone].sum,
			&domain->zones[zone].last);
	}
}

static void add_account(struct json_text *text, const struct snapshot *snapshot,
	const struct snapshot_zone *zone)
{
	struct row row = { .zone = zone, .name = "" };

	if (snapshot_zone_is_shared(zone)) {
		row.uuid = EXPORT_ENDED;
		add_share(text, snapshot, row, &zone->sum.ended, &zone->last.ended);
	}
	row.uuid = EXPORT_HOST;
	add_share(text, snapshot, row, &zone->sum.host, &zone->last.host);
	row.uuid = row.kind = EXPORT_UNATTRIBUTED;
	row.sum_uj = zone->sum.unattributed_uj;
	row.last_uj = zone->last.unattributed_uj;
	add_row(text, snapshot, &row);
	row.uuid = SNAPSHOT_CSV_ZONE;
	row.kind = "total";
	row.sum_uj = zone->sum.total_uj;
	row.last_uj = zone->last.total_uj;
	add_row(text, snapshot, &row);
}

void snapshot_csv_add(const struct snapshot *snapshot, struct json_text *text)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (snapshot_zone_is_shared(&snapshot->zones[z]))
			add_domains(text, snapshot, z);
		add_account(text, snapshot, &snapshot->zones[z]);
	}
}
