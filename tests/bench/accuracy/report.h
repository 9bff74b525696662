/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The accuracy bench's figures over seeds, and their tables. */
#pragma once

#include <stdio.h>

#include "tests/bench/accuracy/contest.h"

/* Of a scenario. Zeroed but for the scenario and the seeds. */
struct report {
	const struct scenario *scenario;
	uint64_t first_seed, last_seed;
	unsigned n_ticks;
	unsigned n, size;
	struct contest_result *results; /* in the order of the seeds */
	double *values;			/* as many, to work with */
};

/* -ENOMEM. */
int report_add(struct report *report, const struct contest_result *result);

/* One seed, one line. */
void report_print_seed(FILE *out, const struct report *report, unsigned index);

void report_print_text(FILE *out, const struct report *report);

/* The tables of the README: of the first report, and of all side by side. */
void report_print_markdown(FILE *out, const struct report *reports, unsigned n);

/* Largest in any zone, tick and seed. */
uint64_t report_residual_uj(const struct report *report);

void report_deinit(struct report *report);
