/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Samples, collected. */
#include "host/metrics_points.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/labels.h"
#include "host/utf8.h"
#include "shared/array.h"

#define LABELS_MIN 16

struct metrics_label_place {
	size_t name, value;
};

static struct metrics_points *points_of(struct metrics_sink *sink)
{
	return (struct metrics_points *)sink;
}

static void take_sample(struct metrics_sink *sink, const struct metrics_family *family)
{
	struct metrics_points *points = points_of(sink);

	points->family = family;
	points->n_labels = 0;
	json_text_clear(&points->texts);
}

/* ASCII, of which most is, as it is in one piece. */
static size_t plain_len(const char *string)
{
	size_t len = 0;

	while ((signed char)string[len] > 0)
		len++;
	return len;
}

/* Returns where the copy begins. */
static size_t copy(struct json_text *texts, const char *string)
{
	size_t offset = texts->used;

	while (*string) {
		size_t len = plain_len(string);

		if (len == 0)
			len = utf8_character_len(string);
		if (len > 0)
			json_text_put(texts, string, len);
		else
			json_text_literal(texts, "\xef\xbf\xbd");
		string += len > 0 ? len : 1;
	}
	json_text_put(texts, "", 1);
	return offset;
}

static int reserve(struct metrics_points *points)
{
	size_t size = points->size > 0 ? points->size * 2 : LABELS_MIN;

	if (points->n_labels < points->size)
		return 0;
	if (array_resize(&points->places, size) < 0 ||
		array_resize(&points->labels, size) < 0)
		return -ENOMEM;
	points->size = size;
	return 0;
}

static void take_label(struct metrics_sink *sink, const char *name, const char *value)
{
	struct metrics_points *points = points_of(sink);

	if (reserve(points) < 0) {
		points->error = -ENOMEM;
		return;
	}
	points->places[points->n_labels].name = copy(&points->texts, name);
	points->places[points->n_labels].value = copy(&points->texts, value);
	points->n_labels++;
}

static bool has_label(const struct metrics_points *points, const char *name)
{
	for (size_t i = 0; i < points->n_labels; i++) {
		if (strcmp(points->texts.data + points->places[i].name, name) == 0)
			return true;
	}
	return false;
}

static void add_common(struct metrics_points *points)
{
	const char *cursor = points->common;
	struct label label;

	while (labels_next(&cursor, &label)) {
		if (json_text_error(&points->texts) < 0)
			return;
		if (!has_label(points, label.key))
			take_label(&points->sink, label.key, label.value);
	}
}

/* By insertion: they are a handful, and most are in order. */
static void sort_labels(struct metrics_points *points)
{
	struct metrics_label *labels = points->labels;

	for (size_t i = 0; i < points->n_labels; i++) {
		struct metrics_label label = { points->texts.data +
						       points->places[i].name,
			points->texts.data + points->places[i].value };
		size_t at = i;

		for (; at > 0 && strcmp(labels[at - 1].name, label.name) > 0; at--)
			labels[at] = labels[at - 1];
		labels[at] = label;
	}
}

static void take_value(
	struct metrics_sink *sink, uint64_t number, enum metrics_scale scale)
{
	struct metrics_points *points = points_of(sink);

	add_common(points);
	if (json_text_error(&points->texts) < 0)
		points->error = -ENOMEM;
	if (points->error < 0)
		return;
	sort_labels(points);
	points->take(
		points->data, &(struct metrics_point){ points->family, points->n_labels,
				      points->labels, number, scale });
}

void metrics_points_init(struct metrics_points *points, const char *common,
	void (*take)(void *data, const struct metrics_point *point), void *data)
{
	static const struct metrics_sink_ops ops = { NULL, take_sample, take_label,
		take_value };

	*points = (struct metrics_points){
		.sink = { &ops }, .take = take, .data = data, .common = common
	};
}

int metrics_points_end(struct metrics_points *points)
{
	int error = points->error;

	free(points->places);
	free(points->labels);
	json_text_deinit(&points->texts);
	*points = (struct metrics_points){ 0 };
	return error;
}

double metrics_point_value(const struct metrics_point *point)
{
	static const double divisors[] = {
		[METRICS_ONES] = 1,
		[METRICS_MILLIONTHS] = 1e6,
		[METRICS_BILLIONTHS] = 1e9,
	};

	return (double)point->number / divisors[point->scale];
}

bool metrics_point_is_joules(const struct metrics_point *point)
{
	return point->scale == METRICS_MILLIONTHS && point->family->unit &&
	       strcmp(point->family->unit, "joules") == 0;
}
