/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Messages as JSON lines. cJSON reads them and writes those of the handshake;
 * samples and acks, one a second and domain, are written by hand and allocate
 * nothing.
 */
#include "shared/message.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "shared/cleanup.h"
#include "shared/number.h"

#define SEQ_MAX	      ((UINT64_C(1) << 53) - 1)
#define RANGE_MIN_UJ  (UINT64_C(1) << 20)
#define PERIOD_MIN_MS 100
#define PERIOD_MAX_MS 3600000
#define STALE_MAX_MS  86400000
#define PROTO_MAX     1000000

static const char *const quality_names[] = {
	[MESSAGE_MEASURED] = "measured",
	[MESSAGE_ESTIMATED] = "estimated",
	[MESSAGE_DEGRADED] = "degraded",
};

static void json_freep(cJSON **json)
{
	cJSON_Delete(*json);
}

#define cleanup_json cleanup(json_freep)

const char *message_quality_name(enum message_quality quality)
{
	return quality_names[quality];
}

/*
 * cJSON recurses, so depth is bounded before it sees a line; and it ends strings at
 * an escaped NUL, so there must be none.
 */
static bool is_harmless(const char *line, size_t len)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (in_string) {
			if (c == '\\' && len - i >= 6 &&
				memcmp(line + i, "\\u0000", 6) == 0)
				return false;
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > MESSAGE_DEPTH_MAX)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

/* 1 to size - 1 printable ASCII characters. */
static int take_text(const cJSON *object, const char *key, char *text, size_t size)
{
	const char *value = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, key));
	size_t len = value ? strlen(value) : 0;

	if (len == 0 || len >= size)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < 0x20 || value[i] > 0x7e)
			return -EBADMSG;
	}
	memcpy(text, value, len + 1);
	return 0;
}

static int take_uuid(const cJSON *object, const char *key, struct uuid *uuid)
{
	const char *value = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, key));

	return value && uuid_parse(value, uuid) == 0 ? 0 : -EBADMSG;
}

/* A JSON number that is an integer in min..max (max at most 2^53 - 1). */
static int take_integer(const cJSON *item, uint64_t min, uint64_t max, uint64_t *integer)
{
	double value;

	if (!cJSON_IsNumber(item))
		return -EBADMSG;
	value = item->valuedouble;
	if (!(value >= (double)min && value <= (double)max) || value != floor(value))
		return -EBADMSG;
	*integer = (uint64_t)value;
	return 0;
}

static int take_u32(
	const cJSON *object, const char *key, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t integer;

	if (take_integer(cJSON_GetObjectItemCaseSensitive(object, key), min, max,
		    &integer) < 0)
		return -EBADMSG;
	*value = (uint32_t)integer;
	return 0;
}

/* Counters travel as decimal strings: a double holds only 53 bits. */
static int take_counter(const cJSON *item, uint64_t *value)
{
	const char *text = cJSON_GetStringValue(item);

	return text && number_parse_range(text, 0, UINT64_MAX, value) == 0 ? 0 : -EBADMSG;
}

static int decode_hello(const cJSON *object, struct message_hello *hello)
{
	/* An agent below version 1 is to be told from a broken one. */
	if (take_u32(object, "proto", 0, PROTO_MAX, &hello->proto) < 0 ||
		take_text(object, "nonce", hello->nonce, sizeof(hello->nonce)) < 0 ||
		take_text(object, "agent", hello->agent, sizeof(hello->agent)) < 0 ||
		take_uuid(object, "boot_id", &hello->boot_id) < 0)
		return -EBADMSG;
	return 0;
}

static int decode_zone(const cJSON *object, size_t id, struct message_zone *zone)
{
	const cJSON *parent = cJSON_GetObjectItemCaseSensitive(object, "parent");
	uint64_t integer;

	if (!cJSON_IsObject(object) ||
		take_text(object, "name", zone->name, sizeof(zone->name)) < 0 ||
		take_integer(cJSON_GetObjectItemCaseSensitive(object, "id"), id, id,
			&integer) < 0 ||
		take_counter(
			cJSON_GetObjectItemCaseSensitive(object, "max_energy_range_uj"),
			&zone->max_energy_range_uj) < 0 ||
		zone->max_energy_range_uj < RANGE_MIN_UJ ||
		zone->max_energy_range_uj > INT64_MAX)
		return -EBADMSG;
	zone->parent = -1;
	if (cJSON_IsNull(parent))
		return 0;
	if (id == 0 || take_integer(parent, 0, id - 1, &integer) < 0)
		return -EBADMSG;
	zone->parent = (int32_t)integer;
	return 0;
}

/* "package-0", "package-1", ... in order, and at most one "dram" in each. */
static bool zones_are_a_tree(const struct message_welcome *welcome)
{
	bool has_dram[MESSAGE_ZONES_MAX] = { false };
	unsigned int packages = 0;

	for (size_t i = 0; i < welcome->n_zones; i++) {
		const struct message_zone *zone = &welcome->zones[i];
		char name[MESSAGE_ZONE_NAME_SIZE];

		if (zone->parent < 0) {
			if (packages == MESSAGE_PACKAGES_MAX)
				return false;
			snprintf(name, sizeof(name), "package-%u", packages++);
			if (strcmp(zone->name, name) != 0)
				return false;
			continue;
		}
		if (strcmp(zone->name, "dram") != 0 || has_dram[zone->parent] ||
			welcome->zones[zone->parent].parent >= 0)
			return false;
		has_dram[zone->parent] = true;
	}
	return true;
}

/* A field that may be missing, which is false. */
static int take_bool(const cJSON *object, const char *key, bool *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (item && !cJSON_IsBool(item))
		return -EBADMSG;
	*value = cJSON_IsTrue(item);
	return 0;
}

static int decode_welcome(const cJSON *object, struct message_welcome *welcome)
{
	const cJSON *zones = cJSON_GetObjectItemCaseSensitive(object, "zones"), *zone;
	int n = cJSON_GetArraySize(zones);

	if (take_u32(object, "proto", 1, PROTO_MAX, &welcome->proto) < 0 ||
		take_text(object, "nonce", welcome->nonce, sizeof(welcome->nonce)) < 0 ||
		take_uuid(object, "epoch", &welcome->epoch) < 0 ||
		take_bool(object, "from_start", &welcome->from_start) < 0 ||
		take_u32(object, "period_ms", PERIOD_MIN_MS, PERIOD_MAX_MS,
			&welcome->period_ms) < 0 ||
		take_u32(object, "stale_after_ms", welcome->period_ms, STALE_MAX_MS,
			&welcome->stale_after_ms) < 0)
		return -EBADMSG;
	if (!cJSON_IsArray(zones) || n < 1 || n > MESSAGE_ZONES_MAX)
		return -EBADMSG;
	welcome->n_zones = 0;
	cJSON_ArrayForEach (zone, zones) {
		size_t id = welcome->n_zones++;

		if (decode_zone(zone, id, &welcome->zones[id]) < 0)
			return -EBADMSG;
	}
	return zones_are_a_tree(welcome) ? 0 : -EBADMSG;
}

static int decode_quality(const cJSON *object, enum message_quality *quality)
{
	const char *name = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, "quality"));

	for (size_t i = 0; name && i < sizeof(quality_names) / sizeof(quality_names[0]);
		i++) {
		if (strcmp(name, quality_names[i]) == 0) {
			*quality = (enum message_quality)i;
			return 0;
		}
	}
	return -EBADMSG;
}

static int decode_sample(const cJSON *object, struct message_sample *sample)
{
	const cJSON *uj = cJSON_GetObjectItemCaseSensitive(object, "uj"), *item;
	int n = cJSON_GetArraySize(uj);

	if (take_integer(cJSON_GetObjectItemCaseSensitive(object, "seq"), 1, SEQ_MAX,
		    &sample->seq) < 0 ||
		take_counter(cJSON_GetObjectItemCaseSensitive(object, "t_ns"),
			&sample->t_ns) < 0 ||
		decode_quality(object, &sample->quality) < 0)
		return -EBADMSG;
	if (!cJSON_IsArray(uj) || n < 1 || n > MESSAGE_ZONES_MAX)
		return -EBADMSG;
	sample->n_zones = 0;
	cJSON_ArrayForEach (item, uj) {
		if (take_counter(item, &sample->uj[sample->n_zones++]) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int decode_object(const cJSON *object, struct message *message)
{
	const char *type = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, "type"));

	if (!cJSON_IsObject(object) || !type)
		return -EBADMSG;
	if (strcmp(type, "hello") == 0) {
		message->type = MESSAGE_HELLO;
		return decode_hello(object, &message->hello);
	}
	if (strcmp(type, "welcome") == 0) {
		message->type = MESSAGE_WELCOME;
		return decode_welcome(object, &message->welcome);
	}
	if (strcmp(type, "sample") == 0) {
		message->type = MESSAGE_SAMPLE;
		return decode_sample(object, &message->sample);
	}
	if (strcmp(type, "ack") == 0) {
		message->type = MESSAGE_ACK;
		return take_integer(cJSON_GetObjectItemCaseSensitive(object, "seq"), 1,
			SEQ_MAX, &message->ack.seq);
	}
	message->type = MESSAGE_UNKNOWN;
	return 0;
}

int message_decode(const char *line, size_t len, struct message *ret_message)
{
	cleanup_json cJSON *object = NULL;
	const char *end = NULL;
	struct message message;
	int r;

	/* A NUL would hide what follows it from cJSON. */
	if (memchr(line, '\0', len) || !is_harmless(line, len))
		return -EBADMSG;
	object = cJSON_ParseWithLengthOpts(line, len, &end, false);
	if (!object)
		return -EBADMSG;
	for (; end != line + len; end++) {
		if (!strchr(" \t\r", *end))
			return -EBADMSG;
	}
	memset(&message, 0, sizeof(message));
	r = decode_object(object, &message);
	if (r < 0)
		return r;
	*ret_message = message;
	return 0;
}

static int print_line(cJSON *object, char *buffer, size_t size)
{
	cleanup_free char *text = cJSON_PrintUnformatted(object);
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return -ENOMEM;
	if (len + 1 > size)
		return -ENOBUFS;
	memcpy(buffer, text, len);
	buffer[len] = '\n';
	return (int)(len + 1);
}

static bool add_uuid(cJSON *object, const char *key, const struct uuid *uuid)
{
	char text[UUID_TEXT_SIZE];

	uuid_format(uuid, text);
	return cJSON_AddStringToObject(object, key, text) != NULL;
}

int message_encode_hello(const struct message_hello *hello, char *buffer, size_t size)
{
	cleanup_json cJSON *object = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(object, "type", "hello") ||
		!cJSON_AddNumberToObject(object, "proto", hello->proto) ||
		!cJSON_AddStringToObject(object, "nonce", hello->nonce) ||
		!cJSON_AddStringToObject(object, "agent", hello->agent) ||
		!add_uuid(object, "boot_id", &hello->boot_id))
		return -ENOMEM;
	return print_line(object, buffer, size);
}

static bool add_zone(cJSON *zones, size_t id, const struct message_zone *zone)
{
	cJSON *object = cJSON_CreateObject();
	char range[NUMBER_U64_SIZE];

	if (!cJSON_AddItemToArray(zones, object)) {
		cJSON_Delete(object);
		return false;
	}
	number_format_u64(range, zone->max_energy_range_uj);
	return cJSON_AddNumberToObject(object, "id", (double)id) &&
	       cJSON_AddStringToObject(object, "name", zone->name) &&
	       cJSON_AddStringToObject(object, "max_energy_range_uj", range) &&
	       (zone->parent < 0
			       ? cJSON_AddNullToObject(object, "parent")
			       : cJSON_AddNumberToObject(object, "parent", zone->parent));
}

int message_encode_welcome(
	const struct message_welcome *welcome, char *buffer, size_t size)
{
	cleanup_json cJSON *object = cJSON_CreateObject();
	cJSON *zones;

	if (!cJSON_AddStringToObject(object, "type", "welcome") ||
		!cJSON_AddNumberToObject(object, "proto", welcome->proto) ||
		!cJSON_AddStringToObject(object, "nonce", welcome->nonce) ||
		!add_uuid(object, "epoch", &welcome->epoch) ||
		(welcome->from_start && !cJSON_AddTrueToObject(object, "from_start")) ||
		!cJSON_AddNumberToObject(object, "period_ms", welcome->period_ms) ||
		!cJSON_AddNumberToObject(
			object, "stale_after_ms", welcome->stale_after_ms))
		return -ENOMEM;
	zones = cJSON_AddArrayToObject(object, "zones");
	for (size_t i = 0; i < welcome->n_zones; i++) {
		if (!add_zone(zones, i, &welcome->zones[i]))
			return -ENOMEM;
	}
	return print_line(object, buffer, size);
}

int message_encode_sample(const struct message_sample *sample, char *buffer, size_t size)
{
	int used = snprintf(buffer, size,
		"{\"type\":\"sample\",\"seq\":%" PRIu64 ",\"t_ns\":\"%" PRIu64
		"\",\"quality\":\"%s\",\"uj\":[",
		sample->seq, sample->t_ns, message_quality_name(sample->quality));

	for (size_t i = 0; i < sample->n_zones && used > 0 && (size_t)used < size; i++)
		used += snprintf(buffer + used, size - (size_t)used, "%s\"%" PRIu64 "\"",
			i ? "," : "", sample->uj[i]);
	if (used > 0 && (size_t)used < size)
		used += snprintf(buffer + used, size - (size_t)used, "]}\n");
	return used > 0 && (size_t)used < size ? used : -ENOBUFS;
}

int message_encode_ack(const struct message_ack *ack, char *buffer, size_t size)
{
	int used = snprintf(
		buffer, size, "{\"type\":\"ack\",\"seq\":%" PRIu64 "}\n", ack->seq);

	return used > 0 && (size_t)used < size ? used : -ENOBUFS;
}
