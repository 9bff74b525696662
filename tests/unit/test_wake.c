/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Shares of the wake power, against the definition of the Shapley value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "host/wake.h"
#include "tests/unit/random.h"

#define PLAYERS_MAX 6
#define MANY	    1000

struct orders {
	double tau;
	const double *cores;
	size_t n;
	double n_orders;
	double sums[PLAYERS_MAX]; /* of what each added, over all orders */
};

/* What comes after those who are in already, who are busy for so much, in any order. */
static void walk_orders(struct orders *orders, unsigned int in, double busy)
{
	double before = 1 - exp(-busy / orders->tau);
	double rest = 1; /* orders that each continuation stands for */

	if (in == (1U << orders->n) - 1) {
		orders->n_orders++;
		return;
	}
	for (size_t i = 2; i < orders->n - (size_t)__builtin_popcount(in); i++)
		rest *= (double)i;
	for (size_t i = 0; i < orders->n; i++) {
		double after = 1 - exp(-(busy + orders->cores[i]) / orders->tau);

		if (in & 1U << i)
			continue;
		orders->sums[i] += rest * (after - before);
		walk_orders(orders, in | 1U << i, busy + orders->cores[i]);
	}
}

static void share(
	double amount, double tau, const double *cores, size_t n, double *totals)
{
	double scratch[MANY];

	memset(totals, 0, n * sizeof(*totals));
	wake_share(amount, tau, cores, n, scratch, totals);
}

static void check_near(double actual, double expected, double tolerance)
{
	if (fabs(actual - expected) <= tolerance)
		return;
	fail_msg("%.17g instead of %.17g", actual, expected);
}

/* All of the amount is somebody's, and each has what the definition says. */
static void check_orders(double tau, const double *cores, size_t n)
{
	struct orders orders = { .tau = tau, .cores = cores, .n = n };
	double totals[PLAYERS_MAX], busy = 0, whole, sum = 0;

	walk_orders(&orders, 0, 0);
	share(7, tau, cores, n, totals);
	for (size_t i = 0; i < n; i++)
		busy += cores[i];
	whole = orders.n_orders * (1 - exp(-busy / tau));
	for (size_t i = 0; i < n; i++) {
		check_near(totals[i], 7 * orders.sums[i] / whole, 1e-9);
		sum += totals[i];
	}
	check_near(sum, 7, 1e-12);
}

static void test_definition(void **state)
{
	static const struct {
		double tau;
		size_t n;
		double cores[PLAYERS_MAX];
	} cases[] = {
		{ 2.5, 1, { 1 } },
		{ 2.5, 2, { 1, 1 } },
		{ 2.5, 2, { 0.1, 8 } },
		{ 0.8, 3, { 0.2, 0, 3 } },
		{ 6, 4, { 1, 2, 3, 4 } },
		{ 0.01, 5, { 1, 2, 3, 4, 5 } },
		{ 1000, 5, { 1, 2, 3, 4, 5 } },
		{ 2.5, 6, { 0.3, 0.3, 0.3, 16, 0, 1 } },
		{ 2.5, 6, { 64, 64, 64, 64, 64, 64 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_orders(cases[i].tau, cases[i].cores, cases[i].n);
}

static void test_definition_random(void **state)
{
	static const double taus[] = { 0.8, 2.5, 6 };
	struct random_state random = { 3 };

	(void)state;
	for (int i = 0; i < 200; i++) {
		size_t n = 1 + random_below(&random, PLAYERS_MAX);
		double cores[PLAYERS_MAX];

		for (size_t p = 0; p < n; p++)
			cores[p] = 0.001 + (double)random_below(&random, 8000) / 1000;
		check_orders(taus[i % 3], cores, n);
	}
}

/* Far below tau shares go by time, far above it they are equal. */
static void test_limits(void **state)
{
	static const double cores[] = { 1, 2, 3, 0, 4 };
	double totals[5];

	(void)state;
	share(10, 1e7, cores, 5, totals);
	for (size_t i = 0; i < 5; i++)
		check_near(totals[i], cores[i], 1e-5);
	share(10, 0.01, cores, 5, totals);
	for (size_t i = 0; i < 5; i++)
		check_near(totals[i], cores[i] > 0 ? 2.5 : 0, 1e-9);
}

/* More than 16, for whom the polynomial is not exact. */
static void test_many(void **state)
{
	double cores[MANY], totals[MANY], sum = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		cores[i] = (double)(i % 10) / 20;
	share(3, 2.5, cores, MANY, totals);
	for (size_t i = 0; i < MANY; i++) {
		sum += totals[i];
		/* Equals get the same, who did nothing nothing, who did more more. */
		assert_true(totals[i] == totals[i % 10]);
		assert_true(i % 10 ? totals[i] > totals[i - 1] : totals[i] == 0);
	}
	check_near(sum, 3, 1e-12);
}

/* It adds to what is there, a player's place does not matter, nothing adds nothing. */
static void test_totals(void **state)
{
	static const double cores[] = { 0.5, 0, 2, 0.5 };
	static const double turned[] = { 2, 0.5, 0.5, 0 };
	static const double idle[] = { 0, 0, 0, 0 };
	double totals[4] = { 1, 2, 3, 4 }, other[4] = { 0 }, scratch[4];

	(void)state;
	wake_share(5, 2.5, cores, 0, scratch, totals);
	wake_share(5, 2.5, idle, 4, scratch, totals);
	wake_share(0, 2.5, cores, 4, scratch, totals);
	for (size_t i = 0; i < 4; i++)
		assert_true(totals[i] == (double)(i + 1));
	wake_share(5, 2.5, cores, 4, scratch, totals);
	wake_share(5, 2.5, turned, 4, scratch, other);
	assert_true(totals[1] == 2);
	check_near(totals[0] - 1, totals[3] - 4, 1e-12);
	check_near(totals[0] - 1, other[1], 1e-12);
	check_near(totals[2] - 3, other[0], 1e-12);
	check_near(totals[0] + totals[1] + totals[2] + totals[3], 15, 1e-12);
}

/* However much or little, the amount is given out once, to the busy ones. */
static void test_extremes(void **state)
{
	static const double cases[][3] = {
		{ 1e300, 1e300, 1 },
		{ 1e-300, 1e-300, 0 },
		{ 1e-300, 1e300, 1e-9 },
		{ INFINITY, 1, INFINITY },
		{ 1e-12, 2e-12, 3e-12 },
		{ 1e6, 0, 0 },
		{ 1e-300, 0, 0 },
	};
	double totals[3];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		share(1, 2.5, cases[i], 3, totals);
		for (size_t p = 0; p < 3; p++) {
			assert_true(totals[p] >= 0);
			assert_true(cases[i][p] > 0 || totals[p] == 0);
		}
		check_near(totals[0] + totals[1] + totals[2], 1, 1e-12);
	}
	/* Of no number nothing comes. */
	share(1, 2.5, (const double[]){ NAN, -1, 2 }, 3, totals);
	assert_true(totals[0] == 0 && totals[1] == 0);
	check_near(totals[2], 1, 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_definition_random),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
