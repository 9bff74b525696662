/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The table of scenarios. */
#include "tests/bench/accuracy/scenario.h"

#include <stddef.h>
#include <string.h>

const struct scenario scenarios[] = {
	{ "main", 0.20, 0.85, false },
	{ "plain", 0.20, 0.85, true },
	{ "low", 0.20, 0.35, false },
	{ "mid", 0.40, 0.60, false },
	{ "high", 0.65, 0.85, false },
	{ 0 },
};

const struct scenario *scenario_find(const char *name)
{
	for (const struct scenario *s = scenarios; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}
