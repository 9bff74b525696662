/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* How clocks fall under load, and what that is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "host/turbo.h"
#include "tests/unit/random.h"

#define CORES 16

/* Ticks of a second, loads of all kinds, clocks that fall by this a core. */
static void run(struct turbo *turbo, struct random_state *random, unsigned int seconds,
	double fall, double noise)
{
	for (unsigned int i = 0; i < seconds; i++) {
		double cores = CORES * random_part(random);

		turbo_predict(turbo, 1);
		turbo_learn(turbo, cores,
			14.9 - fall * cores + noise * (random_part(random) - 0.5));
	}
}

static double expected_gain(double fall)
{
	return fall > 0 ? (exp(fall) - 1) / fall : 1;
}

static void check_near(double actual, double expected, double tolerance)
{
	if (fabs(actual - expected) <= tolerance)
		return;
	fail_msg("%.17g instead of %.17g", actual, expected);
}

static void test_recover(void **state)
{
	static const struct {
		double fall, noise;
		double busy_cores, exponent;
		double expected_fall; /* in all, in the power's logarithm */
	} cases[] = {
		{ 0.01, 0, 16, 1, 0.16 },
		{ 0.01, 0, 8, 2, 0.16 },
		{ 0.02, 0, 16, 2.6, 0.832 },
		{ 0.02, 0.02, 16, 2.6, 0.832 },
		{ 0.005, 0, 2, 2, 0.02 },
		/* Alone on the package nobody slows down anybody. */
		{ 0.02, 0, 0, 2.6, 0 },
		/* Clocks that stay, and such that rise with load. */
		{ 0, 0, 16, 2, 0 },
		{ -0.02, 0, 16, 2, 0 },
		/* More than turbo can be: not the clock's. */
		{ 0.1, 0, 16, 2, 0.8 },
		{ 10, 0, 1, 2, 0.8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct turbo turbo = { 0 };
		struct random_state random = { i };

		run(&turbo, &random, 100, cases[i].fall, cases[i].noise);
		check_near(turbo_gain(&turbo, cases[i].busy_cores, cases[i].exponent),
			expected_gain(cases[i].expected_fall),
			0.03 * (expected_gain(cases[i].expected_fall) - 1) + 1e-6);
	}
}

/* A slope takes some ticks, and loads that differ. */
static void test_unseen(void **state)
{
	struct turbo turbo = { 0 };
	struct random_state random = { 7 };

	(void)state;
	assert_true(turbo_gain(&turbo, 8, 2) == 1);
	turbo_predict(&turbo, 1);
	assert_true(turbo_gain(&turbo, 8, 2) == 1);
	run(&turbo, &random, 4, 0.02, 0);
	assert_true(turbo_gain(&turbo, 8, 2) == 1);
	run(&turbo, &random, 2, 0.02, 0);
	assert_true(turbo_gain(&turbo, 8, 2) > 1.05);

	/* Measured over and over at one load, but for an error in both. */
	turbo = (struct turbo){ 0 };
	for (int i = 0; i < 100; i++) {
		double error = i % 2 ? 0.001 : -0.001;

		turbo_predict(&turbo, 1);
		turbo_learn(&turbo, 8 + error, 14.9 - error);
	}
	check_near(turbo_gain(&turbo, 8, 2), 1, 0.001);
}

/* What was seen minutes ago no longer counts. */
static void test_forget(void **state)
{
	struct turbo turbo = { 0 };
	struct random_state random = { 11 };

	(void)state;
	run(&turbo, &random, 200, 0.02, 0);
	run(&turbo, &random, 1000, 0.005, 0);
	check_near(turbo_gain(&turbo, 16, 2), expected_gain(0.16), 0.005);
	turbo_predict(&turbo, 50);
	check_near(turbo_gain(&turbo, 16, 2), expected_gain(0.16), 0.005);
	turbo_predict(&turbo, 1000);
	assert_true(turbo_gain(&turbo, 16, 2) == 1);
	turbo_predict(&turbo, 1e9);
	assert_true(turbo_gain(&turbo, 16, 2) == 1);
	run(&turbo, &random, 100, 0.01, 0);
	check_near(turbo_gain(&turbo, 16, 2), expected_gain(0.32), 0.01);
}

/* A number at least 1, and not above what turbo can do, whatever was seen. */
static void test_extremes(void **state)
{
	static const double extremes[] = { 0, 1e-300, 1e-9, 1, 4096, 1e18, 1e155, 1e300,
		-1, -1e155 };
	const size_t n = sizeof(extremes) / sizeof(extremes[0]);
	struct random_state random = { 13 };

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct turbo turbo = { 0 };

		for (int i = 0; i < 20; i++) {
			double cores = extremes[random_below(&random, n)];
			double frequency = extremes[random_below(&random, n)];
			double gain;

			turbo_predict(&turbo, extremes[random_below(&random, 7)]);
			turbo_learn(&turbo, cores, frequency);
			gain = turbo_gain(&turbo, cores, 3.5);
			assert_true(gain >= 1);
			assert_true(gain <= expected_gain(0.4 * 3.5) + 1e-9);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recover),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
