/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Snapshots to NDJSON. */
#include "host/snapshot_line.h"

#include <string.h>

#include "host/labels.h"
#include "host/snapshot_json.h"

/* A member's name as a literal, behind a comma or, first in its object, a bracket. */
#define add_name(text, before, name) json_text_literal(text, before "\"" name "\":")

/* Text of the program's own, which needs no escapes. */
static void add_word(struct json_text *text, const char *word)
{
	json_text_literal(text, "\"");
	json_text_put(text, word, strlen(word));
	json_text_literal(text, "\"");
}

static void add_share(struct json_text *text, const struct tick_share *share)
{
	add_name(text, "{", "dynamic_uj");
	json_text_counter(text, share->dynamic_uj);
	add_name(text, ",", "idle_uj");
	json_text_counter(text, share->idle_uj);
	json_text_literal(text, "}");
}

static void add_account(struct json_text *text, const struct snapshot_account *account)
{
	add_name(text, "{", "total_uj");
	json_text_counter(text, account->total_uj);
	add_name(text, ",", "host");
	add_share(text, &account->host);
	add_name(text, ",", "ended_domains");
	add_share(text, &account->ended);
	add_name(text, ",", "unattributed_uj");
	json_text_counter(text, account->unattributed_uj);
	json_text_literal(text, "}");
}

static void add_zone(
	struct json_text *text, const struct snapshot *snapshot, size_t index)
{
	const struct snapshot_zone *zone = &snapshot->zones[index];
	const struct snapshot_account boot = snapshot_since_boot(snapshot, index);

	add_name(text, "{", "name");
	json_text_string(text, zone->name);
	add_name(text, ",", "kind");
	add_word(text, snapshot_json_kind_name(zone->kind));
	add_name(text, ",", "energy");
	add_account(text, &zone->sum);
	add_name(text, ",", "since_boot");
	add_account(text, &boot);
	add_name(text, ",", "last_tick");
	add_account(text, &zone->last);
	add_name(text, ",", "last_tick_ns");
	json_text_counter(text, zone->last_ns);
	json_text_literal(text, "}");
}

static void add_labels(struct json_text *text, const char *labels)
{
	struct label label;
	bool first = true;

	json_text_literal(text, "{");
	while (labels_next(&labels, &label)) {
		if (!first)
			json_text_literal(text, ",");
		first = false;
		json_text_string(text, label.key);
		json_text_literal(text, ":");
		json_text_string(text, label.value);
	}
	json_text_literal(text, "}");
}

static void add_domain_zones(struct json_text *text, const struct snapshot *snapshot,
	const struct snapshot_domain *domain)
{
	bool first = true;

	json_text_literal(text, "{");
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (!snapshot_zone_is_shared(&snapshot->zones[z]))
			continue;
		if (!first)
			json_text_literal(text, ",");
		first = false;
		json_text_string(text, snapshot->zones[z].name);
		json_text_literal(text, ":");
		add_name(text, "{", "energy");
		add_share(text, &domain->zones[z].sum);
		add_name(text, ",", "since_boot");
		add_share(text, &domain->zones[z].boot);
		add_name(text, ",", "last_tick");
		add_share(text, &domain->zones[z].last);
		json_text_literal(text, "}");
	}
	json_text_literal(text, "}");
}

static void add_domain(struct json_text *text, const struct snapshot *snapshot,
	const struct snapshot_domain *domain)
{
	char uuid[UUID_TEXT_SIZE];

	uuid_format(&domain->uuid, uuid);
	add_name(text, "{", "uuid");
	add_word(text, uuid);
	add_name(text, ",", "name");
	json_text_string(text, domain->name);
	add_name(text, ",", "labels");
	add_labels(text, domain->labels);
	add_name(text, ",", "vcpus");
	json_text_u64(text, domain->n_vcpus);
	add_name(text, ",", "zones");
	add_domain_zones(text, snapshot, domain);
	json_text_literal(text, "}");
}

static void add_head(
	struct json_text *text, const struct snapshot *snapshot, const char *node_name)
{
	json_text_literal(text, SNAPSHOT_LINE_BEGIN);
	json_text_counter(text, snapshot->number);
	add_name(text, ",", "time_ns");
	json_text_counter(text, snapshot->time_ns);
	add_name(text, ",", "boottime_ns");
	json_text_counter(text, snapshot->boottime_ns);
	add_name(text, ",", "dt_ns");
	json_text_counter(text, snapshot->dt_ns);
	add_name(text, ",", "node");
	json_text_string(text, node_name);
	add_name(text, ",", "source");
	add_word(text, snapshot->source);
	add_name(text, ",", "quality");
	add_word(text, message_quality_name(snapshot->quality));
}

void snapshot_line_add(
	const struct snapshot *snapshot, const char *node_name, struct json_text *text)
{
	add_head(text, snapshot, node_name);
	add_name(text, ",", "zones");
	json_text_literal(text, "[");
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (z > 0)
			json_text_literal(text, ",");
		add_zone(text, snapshot, z);
	}
	json_text_literal(text, "]");
	add_name(text, ",", "domains");
	json_text_literal(text, "[");
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		if (i > 0)
			json_text_literal(text, ",");
		add_domain(text, snapshot, &snapshot->domains[i]);
	}
	json_text_literal(text, "]}\n");
}
