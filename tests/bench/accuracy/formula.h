/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How other tools share out a host's energy, written from what they publish of it.
 * Their intervals, roundings, lost samples and counter wraps are not imitated: what
 * is compared is the formula. Where a tool has nothing to say of the host's own
 * processes, they get what the formula would give them. Pure.
 */
#pragma once

#include <stdbool.h>

#include "tests/bench/accuracy/cputime.h"

/* By player, the host last, and by package. */
struct formula_shares {
	double j[LOAD_PLAYERS_MAX][RIG_PACKAGES_MAX];
};

struct formula {
	const char *name;
	/* It shares out all of a package's energy, the idle one included. */
	bool takes_idle;
	/* energy_j: what is shared out, by package; all shares are 0 before. */
	void (*share)(const struct cputime *time, const double *energy_j,
		struct formula_shares *shares);
};

/* The first is the plain share of CPU time; the last has no name. */
extern const struct formula formulas[];
