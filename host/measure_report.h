/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What vmpower measure shows at its end: one window as it is, of several the mean and its
 * 95 % confidence interval. Windows that were cut short, and those of a COMMAND that
 * failed, are shown and do not count for the mean. Pure, but for the stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "host/json_text.h"
#include "host/measure_record.h"

/* Whether it counts for the mean. */
bool measure_report_counts(const struct measure_run *run);

/* Of at least one run. */
void measure_report_print(FILE *out, const struct measure_about *about,
	const struct measure_run *runs, size_t n);

/*
 * One line: {"runs":[...],"mean":{...}}, the records and, if at least one counts, the
 * means. Errors are the text's.
 */
void measure_report_json(const struct measure_about *about,
	const struct measure_run *runs, size_t n, struct json_text *text);
