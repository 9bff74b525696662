/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Errors of attribution. */
#include "tests/bench/accuracy/score.h"

#include <math.h>
#include <stdlib.h>

/* The truth's zones: package-0, dram-0, package-1, dram-1. */
static double truth_of(const struct run *run, unsigned player, unsigned package)
{
	return run->truth_j[player][2 * package];
}

static double sum_of(const double *values, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += values[i];
	return sum;
}

void score_add(struct score *score, const struct run *run, const struct cputime *time,
	const double *energy_j, const struct formula_shares *shares)
{
	score->given_j += sum_of(energy_j, time->n_packages);
	for (unsigned i = 0; i < time->n_players; i++) {
		double share_j = sum_of(shares->j[i], time->n_packages), truth_j = 0;

		for (unsigned p = 0; p < time->n_packages; p++) {
			truth_j += truth_of(run, i, p);
			score->truth_j[i][p] += truth_of(run, i, p);
			score->shares_j[i][p] += shares->j[i][p];
		}
		score->tick_error_j += fabs(share_j - truth_j);
		if (sum_of(time->player_s[i], time->n_packages) == 0)
			score->null_j += share_j;
	}
}

void score_finish(const struct score *score, const struct run *run,
	double ret_figures[SCORE_FIGURES])
{
	double error_j = 0, zone_error_j = 0, truth_j = 0, sum_j = 0, worst = 0;
	unsigned host = run->load.n_domains, n_packages = run->rig.n_packages;

	for (unsigned i = 0; i <= host; i++)
		truth_j += sum_of(score->truth_j[i], n_packages);
	for (unsigned i = 0; i <= host; i++) {
		double share_j = sum_of(score->shares_j[i], n_packages);
		double true_j = sum_of(score->truth_j[i], n_packages);
		double off_j = fabs(share_j - true_j);

		sum_j += share_j;
		error_j += off_j;
		for (unsigned p = 0; p < n_packages; p++)
			zone_error_j += fabs(
				score->shares_j[i][p] - score->truth_j[i][p]);
		if (i < host && true_j >= SCORE_PART_MIN * truth_j &&
			off_j > worst * true_j)
			worst = off_j / true_j;
	}
	ret_figures[SCORE_TICK] = score->tick_error_j / truth_j;
	ret_figures[SCORE_RUN] = error_j / truth_j;
	ret_figures[SCORE_ZONE] = zone_error_j / truth_j;
	ret_figures[SCORE_WORST] = worst;
	ret_figures[SCORE_SUM] = sum_j / score->given_j;
	ret_figures[SCORE_NULL] = score->null_j;
}

double score_mean(const double *values, unsigned n)
{
	return sum_of(values, n) / n;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double score_quantile(double *values, unsigned n, double part)
{
	unsigned rank = (unsigned)ceil(part * n);

	qsort(values, n, sizeof(*values), compare_doubles);
	return values[rank > 0 ? rank - 1 : 0];
}
