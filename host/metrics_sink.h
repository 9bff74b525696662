/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What takes metrics, whatever it makes of them: families, samples, labels of any text.
 * Energies come in microjoules, so that each of them can be shown exactly. Which metrics
 * there are is the caller's; host/metrics_text.h and host/metrics_points.h are such.
 *Pure.
 *
 *	metrics_family(sink, &family);
 *	metrics_sample(sink, &family);
 *	metrics_label(sink, "zone", name);
 *	metrics_value_uj(sink, uj);
 *
 * Errors are the sink's own, and stick.
 */
#pragma once

#include <stdint.h>

enum metrics_type {
	METRICS_GAUGE,
	METRICS_COUNTER, /* the name ends in _total */
	METRICS_INFO,	 /* the name ends in _info; the value is 1 */
	/* A counter whose name somebody else chose, without _total. */
	METRICS_COUNTER_NAMED,
};

struct metrics_family {
	const char *name;
	enum metrics_type type;
	const char *unit; /* with which the name ends, but for _total; NULL: none */
	const char *help; /* one sentence, plain ASCII */
};

/* What a value's number counts: ones, or so many of what the family is in. */
enum metrics_scale {
	METRICS_ONES,
	METRICS_MILLIONTHS,
	METRICS_BILLIONTHS,
};

struct metrics_sink;

struct metrics_sink_ops {
	/* A family begins. NULL: it is of no interest. */
	void (*family)(struct metrics_sink *sink, const struct metrics_family *family);
	/* A sample of it begins, */
	void (*sample)(struct metrics_sink *sink, const struct metrics_family *family);
	/* has labels, whose texts may be gone afterwards, */
	void (*label)(struct metrics_sink *sink, const char *name, const char *value);
	/* and ends. */
	void (*value)(
		struct metrics_sink *sink, uint64_t number, enum metrics_scale scale);
};

/* The first member of what implements it. */
struct metrics_sink {
	const struct metrics_sink_ops *ops;
};

static inline void metrics_family(
	struct metrics_sink *sink, const struct metrics_family *family)
{
	if (sink->ops->family)
		sink->ops->family(sink, family);
}

static inline void metrics_sample(
	struct metrics_sink *sink, const struct metrics_family *family)
{
	sink->ops->sample(sink, family);
}

/* value is any text, also such that is not UTF-8. */
static inline void metrics_label(
	struct metrics_sink *sink, const char *name, const char *value)
{
	sink->ops->label(sink, name, value);
}

/* Each ends the sample. */
static inline void metrics_value_u64(struct metrics_sink *sink, uint64_t value)
{
	sink->ops->value(sink, value, METRICS_ONES);
}

static inline void metrics_value_uj(struct metrics_sink *sink, uint64_t uj)
{
	sink->ops->value(sink, uj, METRICS_MILLIONTHS);
}

static inline void metrics_value_ns(struct metrics_sink *sink, uint64_t ns)
{
	sink->ops->value(sink, ns, METRICS_BILLIONTHS);
}

/* To three digits after the point, finite and not below 0. */
static inline void metrics_value_watts(struct metrics_sink *sink, double watts)
{
	sink->ops->value(sink, (uint64_t)(watts * 1e3 + 0.5) * 1000, METRICS_MILLIONTHS);
}
