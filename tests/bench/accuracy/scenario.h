/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which hosts and loads a bench run is about. */
#pragma once

#include <stdbool.h>

struct scenario {
	const char *name;
	const char *what; /* in a table */
	/* Share of the hardware threads that is busy. */
	double load_min, load_max;
	/* No SMT, one clock, and a second of CPU time costs the same for everybody. */
	bool plain;
};

#define SCENARIOS 5

/* What has parameters is tuned on seeds from here on; figures are of those below. */
#define SCENARIO_TUNING_SEED 1000

/* The first is the main one; the last has no name. */
extern const struct scenario scenarios[];

/* NULL: there is none of this name. */
const struct scenario *scenario_find(const char *name);
