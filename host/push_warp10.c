/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Warp 10's input format for Geo Time Series, for POST to /api/v0/update: a line a
 * sample, stamped in microseconds, which is what the platform counts in unless it is told
 * otherwise. Pure.
 *
 *	1763740800000000// vmpower_domain_energy_microjoules_total{domain=web1,...} 12
 *
 * Names, labels and their values are percent-encoded UTF-8. Whole numbers are LONG,
 *joules as microjoules; what has a point is DOUBLE.
 */
#include "host/push_format.h"

#include "host/metrics_points.h"
#include "host/percent.h"
#include "host/push_series.h"

struct readings {
	struct json_text *body;
	uint64_t time_us;
};

static void put_labels(struct json_text *body, const struct metrics_point *point)
{
	bool first = true;

	for (size_t i = 0; i < point->n_labels; i++) {
		/* An empty one says as much as none, which is no matter of versions. */
		if (!*point->labels[i].value)
			continue;
		if (!first)
			json_text_literal(body, ",");
		first = false;
		percent_put(body, point->labels[i].name);
		json_text_literal(body, "=");
		percent_put(body, point->labels[i].value);
	}
}

/* A DOUBLE has to have a point, and a digit behind it. */
static void put_value(struct json_text *body, const struct metrics_point *point)
{
	if (push_series_is_whole(point)) {
		json_text_u64(body, point->number);
	} else if (point->scale == METRICS_MILLIONTHS) {
		json_text_watts(body, point->number);
		if (point->number % 1000000 == 0)
			json_text_literal(body, ".0");
	} else {
		json_text_seconds(body, point->number);
	}
}

static void take(void *data, const struct metrics_point *point)
{
	const struct readings *readings = data;
	struct json_text *body = readings->body;

	json_text_u64(body, readings->time_us);
	json_text_literal(body, "// ");
	push_series_put_name(body, point);
	json_text_literal(body, "{");
	put_labels(body, point);
	json_text_literal(body, "} ");
	put_value(body, point);
	json_text_literal(body, "\n");
}

static int add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	struct readings readings = { body, snapshot->time_ns / 1000 };
	int r = push_format_points(options, snapshot, take, &readings);

	return r < 0 ? r : json_text_error(body);
}

const struct push_format push_format_warp10 = {
	.name = "warp10",
	.carrier = PUSH_CARRIER_HTTP,
	.content_type = "text/plain; charset=utf-8",
	.token_header = "X-Warp10-Token: ",
	.host_label = "host",
	.add = add,
	.judge = push_format_judge,
};
