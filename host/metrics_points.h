/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A sink of metrics that hands each sample over whole, as a point: its family, all its
 * labels in the order of their names, and its number. So what writes points in a format
 * of its own is one function. Labels that all points have (host=..., rack=...) are added
 * here, but for those that a sample has itself. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/json_text.h"
#include "host/metrics_sink.h"

struct metrics_label {
	const char *name;
	const char *value; /* UTF-8 */
};

struct metrics_point {
	const struct metrics_family *family;
	size_t n_labels;
	const struct metrics_label *labels; /* in the order of their names (strcmp) */
	uint64_t number;
	enum metrics_scale scale;
};

struct metrics_label_place;

struct metrics_points {
	struct metrics_sink sink;
	/* Called for each point, which is gone afterwards. */
	void (*take)(void *data, const struct metrics_point *point);
	void *data;
	const char *common; /* labels of all points, see host/labels.h */
	/* Of the sample that comes in: */
	const struct metrics_family *family;
	size_t n_labels, size;
	struct metrics_label_place *places; /* in texts, which moves; owned */
	struct metrics_label *labels;	    /* room for as many; owned */
	struct json_text texts;
	int error;
};

/* common stays the caller's for as long as this is used. */
void metrics_points_init(struct metrics_points *points, const char *common,
	void (*take)(void *data, const struct metrics_point *point), void *data);

/* Frees what it holds. 0, or -ENOMEM: some points were not handed over. */
int metrics_points_end(struct metrics_points *points);

/* The point's value in the family's unit, as near as a double comes: of millionths below
 * 2^32 times 10^6, each comes back from it. */
double metrics_point_value(const struct metrics_point *point);

/* Whether its number is one of microjoules. */
bool metrics_point_is_joules(const struct metrics_point *point);
