/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Names with microjoules. */
#include "host/push_series.h"

#include <string.h>

static bool ends_with(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && memcmp(name + len - n, suffix, n) == 0;
}

void push_series_put_name(struct json_text *out, const struct metrics_point *point)
{
	const char *name = point->family->name;
	size_t len = strlen(name), before = len;

	if (metrics_point_is_joules(point)) {
		if (ends_with(name, before, "_total"))
			before -= strlen("_total");
		if (ends_with(name, before, "joules"))
			before -= strlen("joules");
	}
	json_text_put(out, name, before);
	if (metrics_point_is_joules(point))
		json_text_literal(out, "micro");
	json_text_put(out, name + before, len - before);
}

bool push_series_is_whole(const struct metrics_point *point)
{
	return point->scale == METRICS_ONES || metrics_point_is_joules(point);
}
