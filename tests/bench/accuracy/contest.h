/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One simulated host, and everybody who may say whose its energy was: vmpower in its
 * modes, through the daemon's own meter, and the published formulas. Pure.
 */
#pragma once

#include "tests/bench/accuracy/score.h"

#define CONTEST_MODES	 2
#define CONTEST_FORMULAS 6
#define CONTEST_ENTRANTS (CONTEST_MODES + CONTEST_FORMULAS)
/* Ticks in which errors do not count. */
#define CONTEST_WARM_UP 30

/* Entrants: vmpower's modes, then the formulas as in their table. */
#define CONTEST_LEARN 1
#define CONTEST_PLAIN CONTEST_MODES

struct contest_result {
	/* All given the dynamic energy; and as published: some all of it. */
	double figures[CONTEST_ENTRANTS][SCORE_FIGURES];
	double published[CONTEST_ENTRANTS][SCORE_FIGURES];
	/* Largest in any zone and tick of vmpower, the warm-up included: what does not
	 * add up to the zone's energy, or is not what its counter grew by. */
	uint64_t residual_uj;
	/* Standard error of the truth, of the run's energy: 0 where exact. */
	double truth_error;
	double load; /* busy hardware threads, of all */
};

const char *contest_name(unsigned entrant);

/* -ENOMEM. */
int contest_run(const struct scenario *scenario, uint64_t seed, unsigned n_ticks,
	struct contest_result *ret_result);
