/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Metrics being written, in the Prometheus text format 0.0.4 or as OpenMetrics 1.0:
 * families, samples, labels of any text. Energies come in microjoules and are written
 * in joules, all digits of them, so that value times 10^6, rounded, is what came, up to
 * 2^32 J. Which metrics there are is the caller's. Pure.
 *
 *	metrics_family(&text, &family);
 *	metrics_sample(&text, &family);
 *	metrics_label(&text, "zone", name);
 *	metrics_value_uj(&text, uj);
 *
 * Out of memory sticks, see host/json_text.h, whose bytes these are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/json_text.h"

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

struct metrics_text {
	struct json_text out;
	bool openmetrics;
	bool in_labels; /* of the sample that is being written */
};

/* The family's head. */
void metrics_family(struct metrics_text *text, const struct metrics_family *family);

/* Begins a sample of it. */
void metrics_sample(struct metrics_text *text, const struct metrics_family *family);

/* value is any text: bytes that are not UTF-8 become U+FFFD. */
void metrics_label(struct metrics_text *text, const char *name, const char *value);

/* Each ends the sample. */
void metrics_value_uj(struct metrics_text *text, uint64_t uj);
void metrics_value_u64(struct metrics_text *text, uint64_t value);
void metrics_value_ns(struct metrics_text *text, uint64_t ns);
/* To three digits after the point, finite and not below 0. */
void metrics_value_watts(struct metrics_text *text, double watts);

/* What comes last. */
void metrics_end(struct metrics_text *text);
