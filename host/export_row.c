/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Rows as text, and back. */
#include "config.h"

#include "host/export_row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "host/csv.h"
#include "host/export_time.h"
#include "host/json_line.h"
#include "shared/clock.h"
#include "shared/number.h"
#include "shared/uuid.h"

#define SECONDS_SIZE 32

const char *const export_column_names[EXPORT_COLUMNS] = {
	[EXPORT_SINCE] = "since",
	[EXPORT_UNTIL] = "until",
	[EXPORT_UUID] = "uuid",
	[EXPORT_NAME] = "name",
	[EXPORT_ZONE] = "zone",
	[EXPORT_KIND] = "kind",
	[EXPORT_ENERGY_UJ] = "energy_uj",
	[EXPORT_MEASURED_S] = "measured_s",
	[EXPORT_ESTIMATED_S] = "estimated_s",
	[EXPORT_DEGRADED_S] = "degraded_s",
	[EXPORT_HOST_NAME] = "host",
	[EXPORT_MACHINE_ID] = "machine_id",
	[EXPORT_SOURCE] = "source",
	[EXPORT_LEDGER] = "ledger",
	[EXPORT_IDLE_ORIGIN] = "idle_origin",
	[EXPORT_LABELS] = "labels",
};

/* The values that are not text already. */
struct values {
	char since[EXPORT_TIME_SIZE], until[EXPORT_TIME_SIZE];
	char energy_uj[NUMBER_U64_SIZE];
	char seconds[MESSAGE_DEGRADED + 1][SECONDS_SIZE];
	const char *texts[EXPORT_COLUMNS];
};

static void format_values(const struct export_row *row, struct values *values)
{
	const char *const texts[EXPORT_COLUMNS] = {
		[EXPORT_SINCE] = values->since,
		[EXPORT_UNTIL] = values->until,
		[EXPORT_UUID] = row->uuid,
		[EXPORT_NAME] = row->name,
		[EXPORT_ZONE] = row->zone,
		[EXPORT_KIND] = row->kind,
		[EXPORT_ENERGY_UJ] = values->energy_uj,
		[EXPORT_MEASURED_S] = values->seconds[MESSAGE_MEASURED],
		[EXPORT_ESTIMATED_S] = values->seconds[MESSAGE_ESTIMATED],
		[EXPORT_DEGRADED_S] = values->seconds[MESSAGE_DEGRADED],
		[EXPORT_HOST_NAME] = row->host,
		[EXPORT_MACHINE_ID] = row->machine_id,
		[EXPORT_SOURCE] = row->source,
		[EXPORT_LEDGER] = row->ledger,
		[EXPORT_IDLE_ORIGIN] = row->idle_origin,
		[EXPORT_LABELS] = row->labels,
	};

	values->since[0] = '\0';
	if (row->since_s)
		export_time_format(row->since_s, values->since);
	export_time_format(row->until_s, values->until);
	number_format_u64(values->energy_uj, row->energy_uj);
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++)
		snprintf(values->seconds[i], SECONDS_SIZE, "%" PRIu64 ".%09" PRIu64,
			row->quality_ns[i] / NSEC_PER_SEC,
			row->quality_ns[i] % NSEC_PER_SEC);
	memcpy(values->texts, texts, sizeof(texts));
}

static int write_fields(FILE *out, const char *const texts[EXPORT_COLUMNS])
{
	struct json_text line = { 0 };
	int r;

	csv_line(&line, texts, EXPORT_COLUMNS);
	r = json_text_error(&line);
	if (r == 0)
		fwrite(line.data, 1, line.used, out);
	json_text_deinit(&line);
	return r;
}

int export_row_write_csv_head(FILE *out)
{
	return write_fields(out, export_column_names);
}

int export_row_write_csv(FILE *out, const struct export_row *row)
{
	struct values values;

	format_values(row, &values);
	return write_fields(out, values.texts);
}

int export_row_write_json(FILE *out, const struct export_row *row)
{
	cJSON *object = cJSON_CreateObject();
	bool complete = object;
	struct values values;

	format_values(row, &values);
	for (size_t i = 0; complete && i < EXPORT_COLUMNS; i++) {
		const char *name = export_column_names[i];

		complete = (i == EXPORT_SINCE && row->since_s == 0
					   ? cJSON_AddNullToObject(object, name)
					   : cJSON_AddStringToObject(object, name,
						     values.texts[i])) != NULL;
	}
	if (complete)
		return json_line_write(out, object);
	cJSON_Delete(object);
	return -ENOMEM;
}

static int parse_time(const char *text, uint64_t *ret_s)
{
	/* "@0" is not what is written. */
	return text[0] == '@' ? -EINVAL : export_time_parse(text, ret_s);
}

static int parse_since(const char *text, uint64_t *ret_s)
{
	*ret_s = 0;
	return text[0] ? parse_time(text, ret_s) : 0;
}

static int parse_u64(const char *text, uint64_t *ret_value)
{
	return number_parse_range(text, 0, UINT64_MAX, ret_value);
}

/* "3600", "3600.5", at most nine digits behind the point. */
static int parse_seconds(const char *text, uint64_t *ret_ns)
{
	const char *end = text + strlen(text);
	uint64_t s, ns = 0;
	int r = number_scan_u64(&text, end, &s);

	if (r < 0 || s > UINT64_MAX / NSEC_PER_SEC - 1)
		return -EINVAL;
	if (text < end) {
		uint64_t unit = NSEC_PER_SEC;

		if (*text++ != '.' || text == end || end - text > 9)
			return -EINVAL;
		for (; text < end; text++) {
			if (*text < '0' || *text > '9')
				return -EINVAL;
			unit /= 10;
			ns += (uint64_t)(*text - '0') * unit;
		}
	}
	*ret_ns = s * NSEC_PER_SEC + ns;
	return 0;
}

static int check_uuid(const char *text)
{
	struct uuid uuid;

	if (strcmp(text, EXPORT_HOST) == 0 || strcmp(text, EXPORT_UNATTRIBUTED) == 0 ||
		strcmp(text, EXPORT_ENDED) == 0)
		return 0;
	return uuid_parse(text, &uuid);
}

static int check_kind(const char *uuid, const char *kind)
{
	if (strcmp(uuid, EXPORT_UNATTRIBUTED) == 0)
		return strcmp(kind, EXPORT_UNATTRIBUTED) == 0 ? 0 : -EINVAL;
	return strcmp(kind, "dynamic") == 0 || strcmp(kind, "idle") == 0 ? 0 : -EINVAL;
}

static int parse_column(
	const char *const texts[EXPORT_COLUMNS], size_t column, struct export_row *row)
{
	const char *text = texts[column];
	struct uuid uuid;

	switch ((enum export_column)column) {
	case EXPORT_SINCE:
		return parse_since(text, &row->since_s);
	case EXPORT_UNTIL:
		return parse_time(text, &row->until_s) == 0 && row->until_s > row->since_s
			       ? 0
			       : -EINVAL;
	case EXPORT_UUID:
		return check_uuid(text);
	case EXPORT_LEDGER:
		return text[0] ? uuid_parse(text, &uuid) : 0;
	case EXPORT_ZONE:
		return text[0] ? 0 : -EINVAL;
	case EXPORT_KIND:
		return check_kind(texts[EXPORT_UUID], text);
	case EXPORT_ENERGY_UJ:
		return parse_u64(text, &row->energy_uj);
	case EXPORT_MEASURED_S:
	case EXPORT_ESTIMATED_S:
	case EXPORT_DEGRADED_S:
		return parse_seconds(text, &row->quality_ns[column - EXPORT_MEASURED_S]);
	case EXPORT_NAME:
	case EXPORT_HOST_NAME:
	case EXPORT_MACHINE_ID:
	case EXPORT_SOURCE:
	case EXPORT_IDLE_ORIGIN:
	case EXPORT_LABELS:
	case EXPORT_COLUMNS:
		break;
	}
	return 0;
}

int export_row_parse(const char *const texts[EXPORT_COLUMNS], struct export_row *ret_row,
	enum export_column *ret_column)
{
	struct export_row row = {
		.uuid = texts[EXPORT_UUID],
		.name = texts[EXPORT_NAME],
		.zone = texts[EXPORT_ZONE],
		.kind = texts[EXPORT_KIND],
		.host = texts[EXPORT_HOST_NAME],
		.machine_id = texts[EXPORT_MACHINE_ID],
		.source = texts[EXPORT_SOURCE],
		.ledger = texts[EXPORT_LEDGER],
		.idle_origin = texts[EXPORT_IDLE_ORIGIN],
		.labels = texts[EXPORT_LABELS],
	};

	for (size_t i = 0; i < EXPORT_COLUMNS; i++) {
		if (parse_column(texts, i, &row) < 0) {
			*ret_column = (enum export_column)i;
			return -EINVAL;
		}
	}
	*ret_row = row;
	return 0;
}
