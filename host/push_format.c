/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The table of formats, and what they share. */
#include "host/push_format.h"

#include <string.h>

#include "host/metrics_points.h"

static const struct push_format *const formats[] = {
	&push_format_remote_write,
	&push_format_influx,
	&push_format_ndjson,
	&push_format_warp10,
	&push_format_riemann,
};

const struct push_format *push_format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	}
	return NULL;
}

int push_format_points(const struct push_options *options,
	const struct snapshot *snapshot,
	void (*take)(void *data, const struct metrics_point *point), void *data)
{
	struct metrics_points points;

	metrics_points_init(&points, options->labels, take, data);
	metrics_write(snapshot, &options->metrics, &points.sink);
	return metrics_points_end(&points);
}

enum push_verdict push_format_judge(unsigned int status)
{
	if (status >= 200 && status < 300)
		return PUSH_DELIVERED;
	switch (status) {
	case 401:
	case 403:
	case 404:
	case 407:
	case 408:
	case 429:
		return PUSH_RETRY;
	default:
		return status >= 400 && status < 500 ? PUSH_REFUSED : PUSH_RETRY;
	}
}
