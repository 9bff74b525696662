/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The accuracy bench's judges: published formulas and errors on numbers worked out by
 * hand, and the figures that the daemon's attribution must keep on simulated hosts.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bench/accuracy/contest.h"

/* As make bench-accuracy does, which has more seeds. */
#define SEEDS 8
#define TICKS 150

static void assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		fail_msg("%.12g is not %.12g", a, b);
}

/* Two domains and the host on two packages of eight CPUs in one second. */
static const struct cputime hand_time = {
	.n_players = 3,
	.n_packages = 2,
	.player_s = { { 3, 0 }, { 1, 1 }, { 0, 1 } },
	.main_s = { { 1, 0 }, { 0, 0 }, { 0, 0 } },
	.used_s = { 4, 2 },
	.capacity_s = { 8, 8 },
};
static const double hand_energy_j[] = { 40, 24 };

static void test_formulas(void **state)
{
	/* By formula, player and package. */
	static const struct {
		const char *name;
		double j[3][2];
	} cases[CONTEST_FORMULAS] = {
		{ "plain share of CPU time", { { 30, 0 }, { 10, 12 }, { 0, 12 } } },
		/* 64 J in 16 s, and 1 of 6 s that were used. */
		{ "Scaphandre", { { 12, 0 }, { 4, 4 }, { 0, 4 } } },
		{ "QEMU RAPL MSR", { { 10, 0 }, { 5, 3 }, { 0, 3 } } },
		{ "Kepler", { { 12, 0 }, { 4, 4 }, { 0, 4 } } },
		{ "CEEMS", { { 32, 0 }, { 64 / 6.0, 64 / 6.0 }, { 0, 64 / 6.0 } } },
		/* 0.75^0.3, 0.25^0.3, 0.5^0.3. */
		{ "EnergAt", { { 40 * 0.917314, 0 }, { 40 * 0.659754, 24 * 0.812252 },
				     { 0, 24 * 0.812252 } } },
	};

	(void)state;
	for (size_t f = 0; f < CONTEST_FORMULAS; f++) {
		struct formula_shares shares = { 0 };

		assert_string_equal(formulas[f].name, cases[f].name);
		formulas[f].share(&hand_time, hand_energy_j, &shares);
		for (unsigned i = 0; i < 3; i++)
			for (unsigned p = 0; p < 2; p++)
				assert_near(shares.j[i][p], cases[f].j[i][p], 1e-4);
	}
	assert_null(formulas[CONTEST_FORMULAS].name);
}

/* Nobody ran: nobody gets anything, and nothing is divided by 0. */
static void test_nobody(void **state)
{
	(void)state;
	for (size_t f = 0; f < CONTEST_FORMULAS; f++) {
		const struct cputime time = {
			.n_players = 3,
			.n_packages = 2,
			.capacity_s = { 8, 8 },
		};
		struct formula_shares shares = { 0 };

		formulas[f].share(&time, hand_energy_j, &shares);
		for (unsigned i = 0; i < 3; i++)
			for (unsigned p = 0; p < 2; p++)
				assert_true(shares.j[i][p] == 0);
	}
}

static void test_score(void **state)
{
	const struct formula_shares first = { { { 30, 0 }, { 10, 12 }, { 1, 11 } } };
	const struct formula_shares second = { { { 20, 0 }, { 20, 12 }, { 0, 12 } } };
	struct run *run = calloc(1, sizeof(*run));
	double figures[SCORE_FIGURES];
	struct score score = { 0 };
	struct cputime time = hand_time;

	(void)state;
	assert_non_null(run);
	run->rig.n_packages = 2;
	run->load.n_domains = 2;
	/* Of package-0 and package-1; dram in between does not count. */
	run->truth_j[0][0] = 25;
	run->truth_j[1][0] = 14;
	run->truth_j[1][2] = 13;
	run->truth_j[2][0] = 1;
	run->truth_j[2][2] = 11;
	run->truth_j[2][1] = 1000;
	score_add(&score, run, &time, hand_energy_j, &first);
	/* The second domain does not run. */
	time.player_s[1][0] = time.player_s[1][1] = 0;
	score_add(&score, run, &time, hand_energy_j, &second);
	score_finish(&score, run, figures);
	/* |30-25| + |22-27| + 0, and |20-25| + |32-27| + 0, of 64 each. */
	assert_near(figures[SCORE_TICK], 20 / 128.0, 1e-12);
	assert_near(figures[SCORE_RUN], 0, 1e-12);
	/* 50 of 50; 30, 24 of 28, 26; 1, 23 of 2, 22. */
	assert_near(figures[SCORE_ZONE], 6 / 128.0, 1e-12);
	assert_near(figures[SCORE_WORST], 0, 1e-12);
	assert_near(figures[SCORE_SUM], 1, 1e-12);
	assert_near(figures[SCORE_NULL], 32, 1e-12);
	/* One third tick: the first domain has 60 of 75, the host 24 of 36. */
	score_add(&score, run, &hand_time, hand_energy_j,
		&(const struct formula_shares){ { { 10, 0 }, { 27, 0 }, { 0, 0 } } });
	score_finish(&score, run, figures);
	assert_near(figures[SCORE_RUN], 27 / 192.0, 1e-12);
	assert_near(figures[SCORE_WORST], 15 / 75.0, 1e-12);
	assert_near(figures[SCORE_SUM], 165 / 192.0, 1e-12);
	free(run);
}

static void test_quantiles(void **state)
{
	double values[] = { 5, 3, 1, 4, 2 };

	(void)state;
	assert_near(score_mean(values, 5), 3, 1e-12);
	assert_near(score_quantile(values, 5, 0.5), 3, 0);
	assert_near(score_quantile(values, 5, 0.95), 5, 0);
	assert_near(score_quantile(values, 5, 0.2), 1, 0);
}

/* Of some seeds: WAPE of a run, without and with learning, and of the plain share. */
struct judged {
	double off, learn, plain; /* means */
	double excess;		  /* of learn over plain, at worst */
	double worst[SEEDS];	  /* the worst domain, with learning */
};

/* Sums are exact, and who did not run gets nothing. */
static void judge(const struct scenario *scenario, unsigned n, struct judged *ret_judged)
{
	struct judged judged = { .excess = -1 };

	for (unsigned i = 0; i < n; i++) {
		struct contest_result result;
		double learn, plain;

		assert_int_equal(contest_run(scenario, i + 1, TICKS, &result), 0);
		assert_int_equal(result.residual_uj, 0);
		for (unsigned e = 0; e < CONTEST_MODES; e++) {
			assert_true(result.figures[e][SCORE_NULL] == 0);
			assert_near(result.figures[e][SCORE_SUM], 1, 1e-3);
		}
		learn = result.figures[CONTEST_LEARN][SCORE_RUN];
		plain = result.figures[CONTEST_PLAIN][SCORE_RUN];
		judged.off += result.figures[0][SCORE_RUN] / n;
		judged.learn += learn / n;
		judged.plain += plain / n;
		judged.excess = fmax(judged.excess, learn - plain);
		judged.worst[i] = result.figures[CONTEST_LEARN][SCORE_WORST];
	}
	*ret_judged = judged;
}

/* What the README says of a hundred seeds holds of the first ones. */
static void test_vmpower(void **state)
{
	struct judged judged;

	(void)state;
	judge(scenario_find("main"), SEEDS, &judged);
	assert_true(judged.plain > 0.07 && judged.plain < 0.21);
	assert_true(judged.off < judged.plain * 1.05);
	assert_true(judged.learn < 0.07 && judged.learn < judged.plain / 2);
	assert_true(judged.excess < 0.01);
	assert_true(score_quantile(judged.worst, SEEDS, 0.5) < 0.20);
	/* Where there is nothing to learn of players, it is no worse either. */
	judge(scenario_find("plain"), 2, &judged);
	assert_true(judged.learn < judged.plain + 0.01 && judged.excess < 0.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formulas),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_score),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_vmpower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
