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
	uint64_t sum_uj, boot_uj, last_uj;
};

static void add_row(
	struct json_text *text, const struct snapshot *snapshot, const struct row *row)
{
	const char *const whose[] = { row->uuid, row->name, row->zone->name, row->kind };
	const uint64_t numbers[] = { row->sum_uj, row->boot_uj, row->last_uj,
		row->zone->last_ns };
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
	struct row row, const struct snapshot_share *share)
{
	row.kind = "dynamic";
	row.sum_uj = share->sum.dynamic_uj;
	row.boot_uj = share->boot.dynamic_uj;
	row.last_uj = share->last.dynamic_uj;
	add_row(text, snapshot, &row);
	row.kind = "idle";
	row.sum_uj = share->sum.idle_uj;
	row.boot_uj = share->boot.idle_uj;
	row.last_uj = share->last.idle_uj;
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
		add_share(text, snapshot, row, &domain->zones[zone]);
	}
}

static void add_account(
	struct json_text *text, const struct snapshot *snapshot, size_t index)
{
	const struct snapshot_zone *zone = &snapshot->zones[index];
	const struct snapshot_account boot = snapshot_since_boot(snapshot, index);
	const struct snapshot_share ended = { zone->sum.ended, zone->last.ended,
		boot.ended };
	const struct snapshot_share host = { zone->sum.host, zone->last.host, boot.host };
	struct row row = { .zone = zone, .name = "" };

	if (snapshot_zone_is_shared(zone)) {
		row.uuid = EXPORT_ENDED;
		add_share(text, snapshot, row, &ended);
	}
	row.uuid = EXPORT_HOST;
	add_share(text, snapshot, row, &host);
	row.uuid = row.kind = EXPORT_UNATTRIBUTED;
	row.sum_uj = zone->sum.unattributed_uj;
	row.boot_uj = boot.unattributed_uj;
	row.last_uj = zone->last.unattributed_uj;
	add_row(text, snapshot, &row);
	row.uuid = SNAPSHOT_CSV_ZONE;
	row.kind = "total";
	row.sum_uj = zone->sum.total_uj;
	row.boot_uj = boot.total_uj;
	row.last_uj = zone->last.total_uj;
	add_row(text, snapshot, &row);
}

void snapshot_csv_add(const struct snapshot *snapshot, struct json_text *text)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (snapshot_zone_is_shared(&snapshot->zones[z]))
			add_domains(text, snapshot, z);
		add_account(text, snapshot, z);
	}
}
