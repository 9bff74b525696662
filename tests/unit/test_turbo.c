/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Clocks that fall with load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "host/turbo.h"

#define assert_near(a, b, by) assert_true(fabs((a) - (b)) <= (by))

/* Ticks with 4 to 12 busy cores, where the frequency goes by this much a core. */
static void learn(struct turbo *turbo, double slope, unsigned int n)
{
	for (unsigned int t = 0; t < n; t++) {
		double cores = 4 + (double)(t * 7 % 9);

		turbo_predict(turbo, 1);
		turbo_learn(turbo, cores, 0.3 + slope * cores);
	}
}

static void test_flat(void **state)
{
	struct turbo turbo = { 0 };

	(void)state;
	assert_true(turbo_gain(&turbo, 8, 2) == 1);
	learn(&turbo, 0, 100);
	assert_near(turbo_gain(&turbo, 8, 2), 1, 1e-9);
}

static void test_rising(void **state)
{
	struct turbo turbo = { 0 };

	(void)state;
	learn(&turbo, 0.02, 100);
	assert_true(turbo_gain(&turbo, 8, 2) == 1);
}

/* f = f_0 e^(-0.02 n): the mean of f^2 over 0 .. 8 cores by that at 8. */
static void test_falling(void **state)
{
	struct turbo turbo = { 0 };
	double fall = 2 * 0.02 * 8;

	(void)state;
	learn(&turbo, -0.02, 3);
	assert_true(turbo_gain(&turbo, 8, 2) == 1);
	learn(&turbo, -0.02, 100);
	assert_near(turbo_gain(&turbo, 8, 2), expm1(fall) / fall, 0.01);
	assert_near(turbo_gain(&turbo, 0, 2), 1, 1e-9);
}

/* No processor does that: bounded. */
static void test_steep(void **state)
{
	struct turbo turbo = { 0 };

	(void)state;
	learn(&turbo, -5, 100);
	assert_true(turbo_gain(&turbo, 12, 3.5) < 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_rising),
		cmocka_unit_test(test_falling),
		cmocka_unit_test(test_steep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
