/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * InfluxDB's line protocol, for /write of version 1 and /api/v2/write of version 2: a
 * line a sample, stamped in nanoseconds, which is what both take it for. Pure.
 *
 *	vmpower_domain_energy,domain=web1,kind=idle,... microjoules=12i,tick=42i 179...
 *
 * The measurement is the metric's name without its unit, which is the field's: joules
 * as integer microjoules, other fractions as decimal ones.
 */
#include "host/push_format.h"

#include <string.h>

#include "host/metrics_points.h"
#include "host/push_series.h"

struct lines {
	struct json_text *body;
	const struct snapshot *snapshot;
};

static void put(struct json_text *body, const char *string)
{
	json_text_put(body, string, strlen(string));
}

static size_t cut_suffix(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n + 1 && name[len - n - 1] == '_' &&
			       strncmp(name + len - n, suffix, n) == 0
		       ? len - n - 1
		       : len;
}

static void put_measurement(struct json_text *body, const struct metrics_family *family)
{
	size_t len = strlen(family->name);

	if (family->type == METRICS_COUNTER)
		len = cut_suffix(family->name, len, "total");
	if (family->unit)
		len = cut_suffix(family->name, len, family->unit);
	json_text_put(body, family->name, len);
}

/* What is escaped in the value of a tag, and what ends a line. */
#define SPECIAL " ,=\n\r"

/*
 * A line cannot have a newline within. A backslash in front of what is escaped, or of the
 * end, is left out: InfluxDB and VictoriaMetrics do not agree on whether it escapes the
 * escape, and a name that the one takes as it is would give the other labels of its own.
 */
static void put_tag_value(struct json_text *body, const char *value)
{
	for (; *value; value++) {
		size_t n_backslashes = strspn(value, "\\");

		/* The NUL is found in it, too. */
		if (n_backslashes > 0 && strchr(SPECIAL, value[n_backslashes])) {
			value += n_backslashes - 1;
			continue;
		}
		if (strchr(SPECIAL, *value))
			json_text_literal(body, "\\");
		json_text_put(body, *value == '\n' || *value == '\r' ? " " : value, 1);
	}
}

/* Names that are the database's own. */
static bool is_reserved(const char *key)
{
	return strcmp(key, "time") == 0 || strcmp(key, "_measurement") == 0 ||
	       strcmp(key, "_field") == 0;
}

static void put_tags(struct json_text *body, const struct metrics_point *point)
{
	for (size_t i = 0; i < point->n_labels; i++) {
		const struct metrics_label *label = &point->labels[i];

		/* None can be empty. */
		if (strspn(label->value, "\\") == strlen(label->value))
			continue;
		json_text_literal(body, ",");
		put(body, label->name);
		if (is_reserved(label->name))
			json_text_literal(body, "_");
		json_text_literal(body, "=");
		put_tag_value(body, label->value);
	}
}

static void put_field(struct json_text *body, const struct metrics_point *point)
{
	const char *unit = point->family->unit ? point->family->unit : "value";

	if (metrics_point_is_joules(point))
		json_text_literal(body, "micro");
	put(body, unit);
	json_text_literal(body, "=");
	if (push_series_is_whole(point)) {
		json_text_u64(body, point->number);
		json_text_literal(body, "i");
	} else if (point->scale == METRICS_MILLIONTHS) {
		json_text_watts(body, point->number);
	} else {
		json_text_seconds(body, point->number);
	}
}

static void take(void *data, const struct metrics_point *point)
{
	const struct lines *lines = data;

	put_measurement(lines->body, point->family);
	put_tags(lines->body, point);
	json_text_literal(lines->body, " ");
	put_field(lines->body, point);
	json_text_literal(lines->body, ",tick=");
	json_text_u64(lines->body, lines->snapshot->number);
	json_text_literal(lines->body, "i ");
	json_text_u64(lines->body, lines->snapshot->time_ns);
	json_text_literal(lines->body, "\n");
}

static int add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	struct lines lines = { body, snapshot };
	int r = push_format_points(options, snapshot, take, &lines);

	return r < 0 ? r : json_text_error(body);
}

const struct push_format push_format_influx = {
	.name = "influx",
	.carrier = PUSH_CARRIER_HTTP,
	.content_type = "text/plain; charset=utf-8",
	.token_header = "Authorization: Token ",
	.host_label = "host",
	.add = add,
	.judge = push_format_judge,
};
