/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A sink of metrics that writes them in the Prometheus text format 0.0.4 or as
 * OpenMetrics 1.0. Energies are written in joules, all digits of them, so that value
 * times 10^6, rounded, is what came, up to 2^32 J. Bytes of labels that are not UTF-8
 * become U+FFFD. Pure.
 *
 * Out of memory sticks, see host/json_text.h, whose bytes these are.
 */
#pragma once

#include <stdbool.h>

#include "host/json_text.h"
#include "host/metrics_sink.h"

struct metrics_text {
	struct metrics_sink sink;
	struct json_text out;
	bool openmetrics;
	bool in_labels; /* of the sample that is being written */
};

/* Writes behind what is in out, which the caller takes back from text->out. */
void metrics_text_init(struct metrics_text *text, bool openmetrics, struct json_text out);

/* What comes last. */
void metrics_text_end(struct metrics_text *text);
