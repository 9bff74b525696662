/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The truth of the accuracy bench: Shapley values of games small enough to be worked
 * out by hand, their axioms on random ones, and a package's power as such a game.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bench/accuracy/draw.h"
#include "tests/bench/accuracy/game.h"

#define TINY 1e-9

static void assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		fail_msg("%.12g is not %.12g", a, b);
}

struct hand_case {
	const char *what;
	unsigned n;
	double values[8]; /* by coalition: {}, 0, 1, 01, 2, 02, 12, 012 */
	double shares[3];
};

static const struct hand_case hand_cases[] = {
	{ "one player", 1, { 0, 5 }, { 5 } },
	{ "additive", 3, { 0, 1, 2, 3, 4, 5, 6, 7 }, { 1, 2, 4 } },
	{ "a constant for whoever is there", 3, { 0, 6, 6, 6, 6, 6, 6, 6 }, { 2, 2, 2 } },
	/* Two left gloves, one right one. */
	{ "gloves", 3, { 0, 0, 0, 0, 0, 1, 1, 1 }, { 1.0 / 6, 1.0 / 6, 4.0 / 6 } },
	/* 51, 30 and 19 votes: a majority needs the first and one more. */
	{ "two thirds", 3, { 0, 0, 0, 1, 0, 1, 0, 1 }, { 4.0 / 6, 1.0 / 6, 1.0 / 6 } },
	/* A runway for planes that need 1, 2 and 3 of it: the longest pays. */
	{ "airport", 3, { 0, 1, 2, 2, 3, 3, 3, 3 },
		{ 1.0 / 3, 1.0 / 3 + 1.0 / 2, 1.0 / 3 + 1.0 / 2 + 1 } },
	{ "one who costs less than nothing", 2, { 0, 4, 2, 3 }, { 2.5, 0.5 } },
};

static void test_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hand_cases) / sizeof(hand_cases[0]); i++) {
		const struct hand_case *c = &hand_cases[i];
		double shares[3];

		shapley_exact(c->values, c->n, shares);
		for (unsigned p = 0; p < c->n; p++)
			assert_near(shares[p], c->shares[p], TINY);
	}
}

static double value_of(const void *game, uint32_t members)
{
	const double *values = game;

	return values[members];
}

/* Players 0 and 1 are interchangeable, and the last adds nothing. */
static void draw_game(struct random_state *random, unsigned n, double *values)
{
	values[0] = 0;
	for (uint32_t s = 1; s < UINT32_C(1) << n; s++)
		values[s] = draw_range(random, -1, 10);
	for (uint32_t s = 1; s < UINT32_C(1) << n; s++) {
		if ((s & 3) == 2)
			values[s] = values[s ^ 3];
		if (s >> (n - 1))
			values[s] = values[s ^ UINT32_C(1) << (n - 1)];
	}
}

static void test_axioms(void **state)
{
	static double values[1 << SHAPLEY_EXACT_MAX];
	struct random_state random = { 1 };

	(void)state;
	for (unsigned n = 3; n <= SHAPLEY_EXACT_MAX; n++) {
		double shares[SHAPLEY_EXACT_MAX], sum = 0;

		draw_game(&random, n, values);
		shapley_exact(values, n, shares);
		for (unsigned p = 0; p < n; p++)
			sum += shares[p];
		assert_near(sum, values[(1 << n) - 1], TINY);
		assert_near(shares[0], shares[1], TINY);
		assert_near(shares[n - 1], 0, TINY);
	}
}

/* Sampled: efficient to the last bit, a null player gets 0, the rest within errors. */
static void test_samples(void **state)
{
	static double values[1 << SHAPLEY_EXACT_MAX];
	struct random_state random = { 2 };

	(void)state;
	for (unsigned n = 3; n <= SHAPLEY_EXACT_MAX; n++) {
		double shares[SHAPLEY_EXACT_MAX], exact[SHAPLEY_EXACT_MAX];
		double variances[SHAPLEY_EXACT_MAX], sum = 0;

		draw_game(&random, n, values);
		shapley_exact(values, n, exact);
		shapley_sample(value_of, values, n, 2000, &random, shares, variances);
		for (unsigned p = 0; p < n; p++) {
			sum += shares[p];
			assert_near(shares[p], exact[p], 5 * sqrt(variances[p]) + TINY);
			assert_true(variances[p] < 0.1);
		}
		assert_near(sum, values[(1 << n) - 1], TINY);
		assert_true(shares[n - 1] == 0);
	}
}

/* Four cores with siblings, two turbo classes of two states, easy numbers. */
static struct rig easy_rig(void)
{
	struct rig rig = {
		.n_packages = 1,
		.n_cores = 4,
		.n_siblings = 2,
		.n_cpus = 8,
		.n_states = 2,
		.state_w = { 4, 10 },
		.n_caps = 2,
		.cap = { 1, 0 },
		.cap_class = { 0, 0, 0, 1, 1 },
		.sigma = 0.25,
		.shared_w = { 0, 6, 7, 8, 9 },
	};

	return rig;
}

struct package {
	struct game_thread threads[RIG_CORES_MAX][2];
	uint8_t states[RIG_CORES_MAX];
};

static void clear_package(struct package *package, uint8_t wanted)
{
	memset(package, 0, sizeof(*package));
	for (unsigned c = 0; c < RIG_CORES_MAX; c++) {
		package->states[c] = wanted;
		package->threads[c][0].player = package->threads[c][1].player = -1;
	}
}

static void put(struct package *package, unsigned core, unsigned sibling, int player,
	double activity)
{
	package->threads[core][sibling] = (struct game_thread){ player, 1, activity };
}

static void solve(const struct package *package, const struct rig *rig, struct game *game,
	double shares_w[SHAPLEY_PLAYERS_MAX])
{
	struct game_scratch *scratch = malloc(sizeof(*scratch));
	double variances[SHAPLEY_PLAYERS_MAX];
	struct random_state random = { 3 };

	assert_non_null(scratch);
	game_init(game, rig, package->threads, package->states);
	game_solve(game, scratch, &random, shares_w, variances);
	free(scratch);
}

/* Slow clocks everywhere, nothing shared: everybody pays what he uses. */
static void test_additive_power(void **state)
{
	double shares_w[SHAPLEY_PLAYERS_MAX];
	struct rig rig = easy_rig();
	struct package package;
	struct game game;

	(void)state;
	memset(rig.shared_w, 0, sizeof(rig.shared_w));
	clear_package(&package, 0);
	put(&package, 0, 0, 7, 1.5);
	put(&package, 1, 0, 3, 1);
	put(&package, 2, 1, 7, 0.5);
	solve(&package, &rig, &game, shares_w);
	assert_int_equal(game.n, 2);
	assert_int_equal(game.players[0], 7);
	assert_near(shares_w[0], 8, TINY);
	assert_near(shares_w[1], 4, TINY);
}

static void test_shared_power(void **state)
{
	double shares_w[SHAPLEY_PLAYERS_MAX];
	struct rig rig = easy_rig();
	struct package package;
	struct game game;

	(void)state;
	/* Siblings of two players: (1 + 1/4) x the mean of 4 and 8 W; core and wake
	 * power are the same with one of them: each pays half of what he saves. */
	clear_package(&package, 0);
	put(&package, 0, 0, 0, 1);
	put(&package, 0, 1, 1, 2);
	solve(&package, &rig, &game, shares_w);
	assert_near(shares_w[0], 4 - 4.5 / 2 + 3, TINY);
	assert_near(shares_w[1], 8 - 4.5 / 2 + 3, TINY);
	/* Both of one player. */
	put(&package, 0, 1, 0, 2);
	solve(&package, &rig, &game, shares_w);
	assert_int_equal(game.n, 1);
	assert_near(shares_w[0], 7.5 + 6, TINY);
	/* Turbo: two cores of one and one of the other are slower together. Alone:
	 * 20 + 7 and 10 + 6; together 12 + 8. */
	clear_package(&package, 1);
	put(&package, 0, 0, 0, 1);
	put(&package, 1, 0, 0, 1);
	put(&package, 2, 0, 1, 1);
	solve(&package, &rig, &game, shares_w);
	assert_near(shares_w[0], (27 + 20 - 16) / 2.0, TINY);
	assert_near(shares_w[1], (16 + 20 - 27) / 2.0, TINY);
}

/* All coalitions at once, and one by one: the same worth; and the sum is the whole. */
static void test_values(void **state)
{
	struct random_state random = { 4 };

	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		double shares_w[SHAPLEY_PLAYERS_MAX], variances[SHAPLEY_PLAYERS_MAX];
		struct game_scratch *scratch = malloc(sizeof(*scratch));
		struct package package;
		struct game game;
		double sum_w = 0;
		struct rig rig;

		assert_non_null(scratch);
		rig_draw(&rig, scenario_find("main"), seed);
		clear_package(&package, 0);
		for (unsigned c = 0; c < rig.n_cores; c++) {
			package.states[c] = (uint8_t)random_below(&random, rig.n_states);
			for (unsigned s = 0; s < rig.n_siblings; s++)
				put(&package, c, s, (int)random_below(&random, 15) - 5,
					draw_unit(&random));
		}
		game_init(&game, &rig, package.threads, package.states);
		game_solve(&game, scratch, &random, shares_w, variances);
		for (uint32_t m = 0; m < UINT32_C(1) << game.n; m++)
			assert_near(scratch->values_w[m], game_value(&game, m), TINY);
		for (unsigned i = 0; i < game.n; i++)
			sum_w += shares_w[i];
		assert_near(sum_w, game_value(&game, (UINT32_C(1) << game.n) - 1), TINY);
		free(scratch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_axioms),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_additive_power),
		cmocka_unit_test(test_shared_power),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
