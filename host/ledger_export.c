/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Records of one time are added up, then written. */
#include "config.h"

#include "host/ledger_export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/export_row.h"
#include "host/interval_sum.h"
#include "host/json_text.h"
#include "host/labels.h"
#include "shared/array.h"
#include "shared/cleanup.h"

#define DAY_S 86400u

struct export
{
	const struct ledger_export *query;
	FILE *out;
	/* The UUIDs of the domains asked for. */
	size_t n_uuids, uuids_size;
	struct uuid *uuids;
	/* Zones in which a domain used something; others are the host's alone. */
	struct interval_record shared;
};

static void export_deinit(struct export *export)
{
	free(export->uuids);
	interval_record_deinit(&export->shared);
}

static int add_uuid(struct export *export, const struct uuid *uuid)
{
	if (array_reserve(&export->uuids, &export->uuids_size, export->n_uuids + 1) < 0)
		return -ENOMEM;
	export->uuids[export->n_uuids++] = *uuid;
	return 0;
}

static bool contains(const struct export *export, const struct uuid *uuid)
{
	for (size_t i = 0; i < export->n_uuids; i++) {
		if (uuid_compare(&export->uuids[i], uuid) == 0)
			return true;
	}
	return false;
}

static bool is_asked_for(const struct export *export, const struct uuid *uuid)
{
	return export->query->n_domains == 0 || contains(export, uuid);
}

/* A name may be of several domains, one after the other; it is of each of them. */
static int find_domain(
	struct export *export, const struct ledger_history *history, const char *domain)
{
	struct uuid wanted;
	bool is_uuid = uuid_parse(domain, &wanted) == 0, is_known = false;

	for (size_t i = 0; i < history->n; i++) {
		const struct interval_record *record = &history->records[i];

		for (uint32_t d = 0; d < record->n_domains; d++) {
			const struct interval_domain *found = &record->domains[d];

			if (is_uuid ? uuid_compare(&found->uuid, &wanted) != 0
				    : strcmp(found->name, domain) != 0)
				continue;
			is_known = true;
			if (!contains(export, &found->uuid) &&
				add_uuid(export, &found->uuid) < 0)
				return -ENOMEM;
		}
	}
	return is_known ? 0 : -ENOENT;
}

static bool is_in_range(
	const struct ledger_export *query, const struct ledger_interval *interval)
{
	if (interval->since_s == 0)
		return query->since_s == 0 &&
		       (query->until_s == 0 || interval->until_s <= query->until_s);
	return interval->since_s >= query->since_s &&
	       (query->until_s == 0 || interval->since_s < query->until_s);
}

/* What the record's time is called in this export. */
static void set_time(const struct ledger_export *query, struct ledger_interval *interval)
{
	uint64_t day = interval->since_s / DAY_S;

	if (query->interval != LEDGER_EXPORT_DAY || interval->since_s == 0 ||
		(interval->until_s - 1) / DAY_S != day)
		return;
	interval->since_s = day * DAY_S;
	interval->until_s = interval->since_s + DAY_S;
	if (interval->since_s < query->since_s)
		interval->since_s = query->since_s;
	if (query->until_s && interval->until_s > query->until_s)
		interval->until_s = query->until_s;
}

static int compare_times(const void *a, const void *b)
{
	const struct ledger_interval *x = &((const struct interval_record *)a)->interval;
	const struct ledger_interval *y = &((const struct interval_record *)b)->interval;

	if (x->since_s != y->since_s)
		return x->since_s < y->since_s ? -1 : 1;
	return (x->until_s > y->until_s) - (x->until_s < y->until_s);
}

static int compare_records(const void *a, const void *b)
{
	const struct interval_record *x = a, *y = b;
	int order = compare_times(a, b);

	return order ? order : uuid_compare(&x->book, &y->book);
}

/* All of one ledger together. */
static int compare_books(const void *a, const void *b)
{
	const struct interval_record *x = a, *y = b;
	int order = uuid_compare(&x->book, &y->book);

	return order ? order : compare_times(a, b);
}

/* Drops what is out of range, sorts the rest, and adds up what is of the same time. */
static int group(const struct ledger_export *query, struct ledger_history *history)
{
	bool is_total = query->interval == LEDGER_EXPORT_TOTAL;
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < history->n; i++) {
		struct interval_record record = history->records[i];

		if (!is_in_range(query, &record.interval)) {
			interval_record_deinit(&record);
			continue;
		}
		set_time(query, &record.interval);
		history->records[n++] = record;
	}
	history->n = n;
	if (n == 0)
		return 0;
	qsort(history->records, n, sizeof(*history->records),
		is_total ? compare_books : compare_records);
	for (size_t begin = 0, end = 0; begin < n; begin = end) {
		cleanup(interval_sum_deinit) struct interval_sum sum = { 0 };
		const struct interval_record first = {
			.book = history->records[begin].book,
			.interval = history->records[begin].interval,
		};
		int r = 0;

		for (; r == 0 && end < n &&
			(is_total ? uuid_compare(
					    &first.book, &history->records[end].book) == 0
				  : compare_records(&first, &history->records[end]) == 0);
			end++)
			r = interval_sum_add(&sum, &history->records[end]);
		if (r == 0)
			r = interval_sum_finish(&sum, &history->records[kept]);
		if (r < 0)
			return r;
		kept++;
	}
	history->n = kept;
	return 0;
}

static const char *source_name(uint64_t sources)
{
	static const char *const names[] = { "", "powercap", "estimate",
		"powercap+estimate" };

	return names[sources & (LEDGER_SOURCE_POWERCAP | LEDGER_SOURCE_ESTIMATE)];
}

static const char *idle_origin_name(uint64_t sources)
{
	static const char *const names[] = { "", "configured", "calibrated",
		"configured+calibrated", "learned", "configured+learned",
		"calibrated+learned", "configured+calibrated+learned" };

	return names[sources / LEDGER_IDLE_CONFIGURED % 8];
}

static int write_row(const struct export *export, const struct export_row *row)
{
	return export->query->json ? export_row_write_json(export->out, row)
				   : export_row_write_csv(export->out, row);
}

static int write_share(const struct export *export, struct export_row *row,
	const struct tick_share *share)
{
	int r;

	row->kind = "dynamic";
	row->energy_uj = share->dynamic_uj;
	r = write_row(export, row);
	if (r < 0)
		return r;
	row->kind = "idle";
	row->energy_uj = share->idle_uj;
	return write_row(export, row);
}

static bool zone_is_shared(const struct export *export, const char *name)
{
	for (uint32_t i = 0; i < export->shared.n_zones; i++) {
		if (strcmp(export->shared.zones[i].name, name) == 0)
			return true;
	}
	return false;
}

/* As a JSON object that ends with NUL. */
static int format_labels(const char *labels, struct json_text *text)
{
	struct label label;

	json_text_literal(text, "{");
	for (bool first = true; labels_next(&labels, &label); first = false) {
		if (!first)
			json_text_literal(text, ",");
		json_text_string(text, label.key);
		json_text_literal(text, ":");
		json_text_string(text, label.value);
	}
	json_text_put(text, "}", sizeof("}"));
	return json_text_error(text);
}

static int write_domain(const struct export *export, const struct interval_record *record,
	uint32_t index, struct export_row row)
{
	const struct interval_domain *domain = &record->domains[index];
	cleanup(json_text_deinit) struct json_text labels = { 0 };
	char uuid[UUID_TEXT_SIZE];
	int r = 0;

	uuid_format(&domain->uuid, uuid);
	row.uuid = uuid_is_nil(&domain->uuid) ? EXPORT_ENDED : uuid;
	row.name = domain->name;
	if (domain->labels[0]) {
		r = format_labels(domain->labels, &labels);
		row.labels = labels.data;
	}
	memcpy(row.quality_ns, domain->quality_ns, sizeof(row.quality_ns));
	for (uint32_t zone = 0; r == 0 && zone < record->n_zones; zone++) {
		row.zone = record->zones[zone].name;
		if (zone_is_shared(export, row.zone))
			r = write_share(
				export, &row, interval_share(record, index, zone));
	}
	return r;
}

static int write_host(const struct export *export, const struct interval_record *record,
	struct export_row row)
{
	int r = 0;

	memcpy(row.quality_ns, record->quality_ns, sizeof(row.quality_ns));
	for (uint32_t zone = 0; r == 0 && zone < record->n_zones; zone++) {
		row.uuid = EXPORT_HOST;
		row.zone = record->zones[zone].name;
		r = write_share(export, &row, &record->zones[zone].host);
		if (r < 0)
			return r;
		row.uuid = EXPORT_UNATTRIBUTED;
		row.kind = EXPORT_UNATTRIBUTED;
		row.energy_uj = record->zones[zone].unattributed_uj;
		r = write_row(export, &row);
	}
	return r;
}

static int write_record(const struct export *export, const struct interval_record *record)
{
	char ledger[UUID_TEXT_SIZE];
	const struct export_row row = {
		.since_s = record->interval.since_s,
		.until_s = record->interval.until_s,
		.name = "",
		.labels = "",
		.host = export->query->host,
		.machine_id = export->query->machine_id,
		.source = source_name(record->interval.sources),
		.ledger = ledger,
		.idle_origin = idle_origin_name(record->interval.sources),
	};
	int r = 0;

	uuid_format(&record->book, ledger);
	for (uint32_t i = 0; r == 0 && i < record->n_domains; i++) {
		if (is_asked_for(export, &record->domains[i].uuid))
			r = write_domain(export, record, i, row);
	}
	if (r == 0 && export->query->n_domains == 0)
		r = write_host(export, record, row);
	return r;
}

static int find_shared_zones(struct export *export, const struct ledger_history *history)
{
	for (size_t i = 0; i < history->n; i++) {
		const struct interval_record *record = &history->records[i];

		for (uint32_t zone = 0; zone < record->n_zones; zone++) {
			const char *name = record->zones[zone].name;
			bool shared = zone_is_shared(export, name);

			for (uint32_t d = 0; !shared && d < record->n_domains; d++) {
				const struct tick_share *share = interval_share(
					record, d, zone);
				uint32_t number;
				int r;

				if (share->dynamic_uj == 0 && share->idle_uj == 0)
					continue;
				shared = true;
				r = interval_record_take_zone(
					&export->shared, name, &number);
				if (r < 0)
					return r;
			}
		}
	}
	return 0;
}

int ledger_export_write(const struct ledger_export *query, struct ledger_history *history,
	FILE *out, const char **ret_unknown)
{
	cleanup(export_deinit) struct export export = { .query = query, .out = out };
	int r = find_shared_zones(&export, history);

	for (size_t i = 0; r == 0 && i < query->n_domains; i++) {
		r = find_domain(&export, history, query->domains[i]);
		if (r == -ENOENT)
			*ret_unknown = query->domains[i];
	}
	if (r == 0)
		r = group(query, history);
	if (r == 0 && !query->json)
		r = export_row_write_csv_head(out);
	for (size_t i = 0; r == 0 && i < history->n; i++)
		r = write_record(&export, &history->records[i]);
	return r;
}
