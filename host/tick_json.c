/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Ticks to JSON. */
#include "host/tick_json.h"
#include "shared/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "UUID":{"dynamic_uj": */
#define KEY_BEGIN "\""
#define KEY_END	  "\":{\"dynamic_uj\":"
#define KEY_LEN	  (sizeof(KEY_BEGIN) - 1 + UUID_TEXT_SIZE - 1 + sizeof(KEY_END) - 1)

struct tick_json_key {
	struct uuid uuid;
	char text[KEY_LEN];
};

static void set_key(struct tick_json_key *key, const struct uuid *uuid)
{
	char text[UUID_TEXT_SIZE];

	uuid_format(uuid, text);
	key->uuid = *uuid;
	memcpy(key->text, KEY_BEGIN, sizeof(KEY_BEGIN) - 1);
	memcpy(key->text + sizeof(KEY_BEGIN) - 1, text, sizeof(text) - 1);
	memcpy(key->text + KEY_LEN - (sizeof(KEY_END) - 1), KEY_END, sizeof(KEY_END) - 1);
}

/* The same domains as in the tick before, as a rule. */
static int update_keys(struct tick_json *json, const struct tick *tick)
{
	if (tick->n_domains > json->keys_size) {
		if (array_resize(&json->keys, tick->n_domains) < 0)
			return -ENOMEM;
		for (size_t i = json->keys_size; i < tick->n_domains; i++)
			set_key(&json->keys[i], &tick->domains[i].uuid);
		json->keys_size = tick->n_domains;
	}
	for (size_t i = 0; i < tick->n_domains; i++) {
		if (uuid_compare(&json->keys[i].uuid, &tick->domains[i].uuid) != 0)
			set_key(&json->keys[i], &tick->domains[i].uuid);
	}
	return 0;
}

static void add_share(struct json_text *text, const struct tick_share *share)
{
	json_text_counter(text, share->dynamic_uj);
	json_text_literal(text, ",\"idle_uj\":");
	json_text_counter(text, share->idle_uj);
	json_text_literal(text, "}");
}

static void add_idle(struct json_text *text, const struct tick_zone *zone,
	const struct trace_idle *told)
{
	const char *origin = idle_power_origin_name(
		told->given ? told->origin : zone->idle_origin);

	json_text_literal(text, ",\"idle_uw\":");
	json_text_counter(text, zone->idle_uw);
	json_text_literal(text, ",\"idle_origin\":\"");
	json_text_put(text, origin, strlen(origin));
	json_text_literal(text, "\"");
}

static void add_zone(struct tick_json *json, const char *name, const struct tick *tick,
	size_t z, const struct trace_idle *told)
{
	const struct tick_zone *zone = &tick->zones[z];
	struct json_text *text = &json->text;

	json_text_string(text, name);
	json_text_literal(text, ":{\"total_uj\":");
	json_text_counter(text, zone->total_uj);
	json_text_literal(text, ",\"unattributed_uj\":");
	json_text_counter(text, zone->unattributed_uj);
	add_idle(text, zone, told);
	json_text_literal(text, ",\"host\":{\"dynamic_uj\":");
	add_share(text, &zone->host);
	json_text_literal(text, ",\"domains\":{");
	for (size_t i = 0; i < tick->n_domains; i++) {
		if (i > 0)
			json_text_literal(text, ",");
		json_text_put(text, json->keys[i].text, KEY_LEN);
		add_share(text, tick_share(tick, i, z));
	}
	json_text_literal(text, "}}");
}

int tick_json_add(struct tick_json *json, const struct machine *machine,
	const struct tick *tick, const struct trace_idle *idle, uint64_t t_ns)
{
	struct json_text *text = &json->text;
	const char *quality = message_quality_name(tick->quality);

	if (update_keys(json, tick) < 0)
		return -ENOMEM;
	json_text_literal(text, "{\"t_ns\":");
	json_text_counter(text, t_ns);
	json_text_literal(text, ",\"quality\":\"");
	json_text_put(text, quality, strlen(quality));
	json_text_literal(text, "\",\"zones\":{");
	for (size_t z = 0; z < machine->n_zones; z++) {
		if (z > 0)
			json_text_literal(text, ",");
		add_zone(json, machine->zones[z].name, tick, z, &idle[z]);
	}
	json_text_literal(text, "}}\n");
	return json_text_error(text);
}

void tick_json_deinit(struct tick_json *json)
{
	json_text_deinit(&json->text);
	free(json->keys);
	*json = (struct tick_json){ 0 };
}
