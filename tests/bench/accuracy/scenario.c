/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The table of scenarios. */
#include "tests/bench/accuracy/scenario.h"

#include <stddef.h>
#include <string.h>

const struct scenario scenarios[] = {
	{ "main", "all kinds", 0.20, 0.85, false },
	{ "plain", "no SMT, one clock, equal activity", 0.20, 0.85, true },
	{ "low", "all kinds, low load", 0.20, 0.35, false },
	{ "mid", "all kinds, middle load", 0.40, 0.60, false },
	{ "high", "all kinds, high load", 0.65, 0.85, false },
	{ 0 },
};

const struct scenario *scenario_find(const char *name)
{
	for (const struct scenario *s = scenarios; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}
