/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How far attributed energy is from the truth: of one run, and over seeds. Only
 * dynamic energy of packages; players are the domains and the host, each with what it
 * got of all packages. Pure.
 */
#pragma once

#include "tests/bench/accuracy/formula.h"

/* Domains with a smaller part of a run's energy are not looked at one by one. */
#define SCORE_PART_MIN 0.02

enum score_figure {
	SCORE_TICK,  /* sum of |attributed - truth| over players and ticks / truth */
	SCORE_RUN,   /* the same of what each player got in the whole run */
	SCORE_ZONE,  /* the same, each package by itself */
	SCORE_WORST, /* |attributed - truth| / truth of the worst domain */
	SCORE_SUM,   /* attributed / what there was to attribute */
	SCORE_NULL,  /* joules of domains in ticks in which they did not run */
	SCORE_FIGURES,
};

/* Of a run, zeroed at its beginning. */
struct score {
	double tick_error_j, given_j, null_j;
	double shares_j[LOAD_PLAYERS_MAX][RIG_PACKAGES_MAX];
	double truth_j[LOAD_PLAYERS_MAX][RIG_PACKAGES_MAX];
};

/* Adds a tick; energy_j: what there was to share out, by package. */
void score_add(struct score *score, const struct run *run, const struct cputime *time,
	const double *energy_j, const struct formula_shares *shares);

void score_finish(const struct score *score, const struct run *run,
	double ret_figures[SCORE_FIGURES]);

/* Sorts the values. n > 0. */
double score_mean(const double *values, unsigned n);
double score_quantile(double *values, unsigned n, double part);
