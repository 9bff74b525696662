/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Shares of an integer amount: exact sums, carries, ties, extremes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/apportion.h"
#include "tests/unit/random.h"

#define CASES 20000
#define N     12

typedef unsigned __int128 u128;

static uint64_t sum_shares(const struct apportion_player *players, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(players[i].share <= UINT64_MAX - sum);
		sum += players[i].share;
	}
	return sum;
}

static void check_carries(const struct apportion_player *players, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(players[i].carry < APPORTION_ONE);
		assert_true(players[i].carry > -APPORTION_ONE);
	}
}

static void test_single(void **state)
{
	static const struct {
		uint64_t amount;
		uint64_t weight[4];
		uint64_t share[4];
	} cases[] = {
		{ 0, { 1, 2, 3, 4 }, { 0, 0, 0, 0 } },
		{ 10, { 1, 2, 3, 4 }, { 1, 2, 3, 4 } },
		/* Quotas 1.5 .. : equal remainders, the first ones are served. */
		{ 6, { 1, 1, 1, 1 }, { 2, 2, 1, 1 } },
		{ 1, { 1, 1, 1, 1 }, { 1, 0, 0, 0 } },
		{ 1, { 0, 1, 1, 0 }, { 0, 1, 0, 0 } },
		/* 0.5, 1.0, 3.5: the half of the first. */
		{ 5, { 1, 2, 0, 7 }, { 1, 1, 0, 3 } },
		/* 0.2, 0.3, 0.6, 0.9 */
		{ 2, { 2, 3, 6, 9 }, { 0, 0, 1, 1 } },
		{ 7, { 0, 0, 5, 0 }, { 0, 0, 7, 0 } },
		{ UINT64_MAX, { 0, 0, 1, 0 }, { 0, 0, UINT64_MAX, 0 } },
		{ UINT64_MAX, { UINT64_MAX, 0, 0, 0 }, { UINT64_MAX, 0, 0, 0 } },
		{ UINT64_MAX, { UINT64_MAX, UINT64_MAX, 0, 0 },
			{ UINT64_MAX / 2 + 1, UINT64_MAX / 2, 0, 0 } },
		{ UINT64_C(1) << 63, { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
			{ UINT64_C(1) << 61, UINT64_C(1) << 61, UINT64_C(1) << 61,
				UINT64_C(1) << 61 } },
		{ UINT64_C(1) << 63, { 1, UINT64_MAX, 0, 0 },
			{ 1, (UINT64_C(1) << 63) - 1, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct apportion_player players[4] = { 0 };

		for (size_t k = 0; k < 4; k++)
			players[k].weight = cases[i].weight[k];
		assert_true(apportion(cases[i].amount, players, 4));
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(players[k].share, cases[i].share[k]);
		check_carries(players, 4);
	}
}

static void test_nobody(void **state)
{
	struct apportion_player players[2] = { { .carry = 5, .share = 9 },
		{ .carry = -5 } };

	(void)state;
	assert_false(apportion(7, NULL, 0));
	assert_false(apportion(7, players, 2));
	assert_int_equal(players[0].share, 0);
	assert_int_equal(players[0].carry, 5);
	assert_int_equal(players[1].carry, -5);
}

/* What rounding took is made good: thirds add up every three ticks. */
static void test_carry(void **state)
{
	struct apportion_player players[3] = { { .weight = 1 }, { .weight = 1 },
		{ .weight = 1 } };
	static const uint64_t turns[6][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 },
		{ 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };

	(void)state;
	for (size_t t = 0; t < 6; t++) {
		assert_true(apportion(1, players, 3));
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(players[i].share, turns[t][i]);
	}
}

/* A negative quota counts as 0; who waits keeps what he is owed. */
static void test_negative(void **state)
{
	struct apportion_player players[3] = {
		{ .weight = 1, .carry = -APPORTION_ONE / 4 * 3 },
		{ .weight = 1, .carry = APPORTION_ONE / 4 * 3 },
		{ .weight = 0, .carry = APPORTION_ONE / 2 },
	};

	(void)state;
	/* -0.25 and 1.25 */
	assert_true(apportion(1, players, 3));
	assert_int_equal(players[0].share, 0);
	assert_int_equal(players[1].share, 1);
	assert_int_equal(players[0].carry, -APPORTION_ONE / 4);
	assert_int_equal(players[1].carry, APPORTION_ONE / 4);
	assert_int_equal(players[2].share, 0);
	assert_int_equal(players[2].carry, APPORTION_ONE / 2);
}

static void test_cuts(void **state)
{
	struct apportion_player behind[2] = {
		{ .weight = 1, .carry = APPORTION_ONE / 4 * 3 },
		{ .weight = 1, .carry = APPORTION_ONE / 4 * 3 },
	};
	struct apportion_player ahead[2] = {
		{ .weight = 1, .carry = -APPORTION_ONE / 4 * 3 },
		{ .weight = 1, .carry = -APPORTION_ONE / 4 * 3 },
	};

	(void)state;
	/* 1.25 twice, and there is one: the last one has to wait. */
	assert_true(apportion(1, behind, 2));
	assert_int_equal(behind[0].share, 1);
	assert_int_equal(behind[1].share, 0);
	assert_int_equal(behind[0].carry, APPORTION_ONE / 4);
	assert_int_equal(behind[1].carry, APPORTION_ONE - 1);
	/* -0.25 twice, and there is one: the first one has to take it. */
	assert_true(apportion(1, ahead, 2));
	assert_int_equal(ahead[0].share, 1);
	assert_int_equal(ahead[1].share, 0);
	assert_int_equal(ahead[0].carry, 1 - APPORTION_ONE);
	assert_int_equal(ahead[1].carry, -APPORTION_ONE / 4);
}

/* A carry below 0 takes from the quota before it is rounded. */
static void test_borrow(void **state)
{
	struct apportion_player players[2] = {
		{ .weight = 3, .carry = -APPORTION_ONE / 4 * 3 },
		{ .weight = 1, .carry = APPORTION_ONE / 4 * 3 },
	};

	(void)state;
	/* 2.25 and 1.75 */
	assert_true(apportion(4, players, 2));
	assert_int_equal(players[0].share, 2);
	assert_int_equal(players[1].share, 2);
	assert_int_equal(players[0].carry, APPORTION_ONE / 4);
	assert_int_equal(players[1].carry, -APPORTION_ONE / 4);
}

/* Weights whose sum is far over 64 bits. */
static void test_heavy(void **state)
{
	struct apportion_player players[N];

	(void)state;
	for (size_t i = 0; i < N; i++)
		players[i] = (struct apportion_player){ .weight = UINT64_MAX };
	assert_true(apportion(N + N / 2, players, N));
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(players[i].share, i < N / 2 ? 2 : 1);
		assert_true(llabs(players[i].carry) < APPORTION_ONE / 2 + 16);
		assert_true(llabs(players[i].carry) > APPORTION_ONE / 2 - 16);
	}
}

/* Carries that do not sum to 0, as far off as can be. */
static void test_unbalanced(void **state)
{
	(void)state;
	for (uint64_t amount = 0; amount < 40; amount++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			struct apportion_player players[N];
			int64_t carry = sign * (APPORTION_ONE - 1);

			for (size_t i = 0; i < N; i++)
				players[i] = (struct apportion_player){ .weight = 3,
					.carry = carry };
			assert_true(apportion(amount, players, N));
			assert_int_equal(sum_shares(players, N), amount);
			check_carries(players, N);
			for (size_t i = 0; i < N; i++) {
				assert_true(players[i].share >= amount / N);
				assert_true(players[i].share <= (amount + N - 1) / N);
			}
		}
	}
}

/* |share - quota| < 3: two carries apart at most, and what a cut carry lost. */
static void check_quotas(
	uint64_t amount, const struct apportion_player *players, size_t n)
{
	u128 weights = 0;

	for (size_t i = 0; i < n; i++)
		weights += players[i].weight;
	for (size_t i = 0; i < n; i++) {
		u128 quota = (u128)amount * players[i].weight;
		u128 share = (u128)players[i].share * weights;

		assert_true(share < quota + 3 * weights);
		assert_true(quota < share + 3 * weights);
	}
}

static uint64_t random_amount(struct random_state *random)
{
	uint64_t kind = random_below(random, 4);

	if (kind == 0)
		return random_below(random, 20);
	return random_u64(random) >> (kind == 1 ? 1 : 36);
}

/* Players come and go, weights and amounts are anything. */
static void test_random(void **state)
{
	struct random_state random = { 1 };
	struct apportion_player players[N] = { 0 };

	(void)state;
	for (int c = 0; c < CASES; c++) {
		struct apportion_player before[N];
		uint64_t amount = random_amount(&random);
		bool any = false;

		for (size_t i = 0; i < N; i++) {
			if (random_one_in(&random, 50))
				players[i].carry = 0;
			players[i].weight = random_one_in(&random, 3)
						    ? 0
						    : random_u64(&random) >>
							      (4 + random_below(
									   &random, 60));
			any |= players[i].weight > 0;
		}
		memcpy(before, players, sizeof(before));
		assert_int_equal(apportion(amount, players, N), any);
		assert_int_equal(sum_shares(players, N), any ? amount : 0);
		check_carries(players, N);
		if (any)
			check_quotas(amount, players, N);
		for (size_t i = 0; i < N; i++) {
			if (players[i].weight > 0)
				continue;
			assert_int_equal(players[i].share, 0);
			assert_int_equal(players[i].carry, before[i].carry);
		}
	}
}

/* The same players in another order: the same shares, unless there are ties. */
static void test_order(void **state)
{
	struct random_state random = { 2 };

	(void)state;
	for (int c = 0; c < CASES; c++) {
		struct apportion_player players[N], shuffled[N];
		uint64_t amount = random_u64(&random) >> 30;
		size_t place[N];

		for (size_t i = 0; i < N; i++) {
			size_t k = (size_t)random_below(&random, i + 1);

			players[i] = (struct apportion_player){
				.weight = random_u64(&random) >> 24,
				.carry = (int64_t)(random_u64(&random) >> 2) *
					 (random_one_in(&random, 2) ? 1 : -1),
			};
			place[i] = place[k];
			place[k] = i;
		}
		for (size_t i = 0; i < N; i++)
			shuffled[i] = players[place[i]];
		apportion(amount, players, N);
		apportion(amount, shuffled, N);
		for (size_t i = 0; i < N; i++) {
			assert_int_equal(shuffled[i].share, players[place[i]].share);
			assert_int_equal(shuffled[i].carry, players[place[i]].carry);
		}
	}
}

/* Few players are served another way than many: players without weight make many. */
static void test_few(void **state)
{
	struct random_state random = { 6 };
	struct apportion_player few[8] = { 0 }, many[40] = { 0 };

	(void)state;
	for (int c = 0; c < CASES; c++) {
		uint64_t amount = random_amount(&random);

		for (size_t i = 0; i < 8; i++) {
			/* Small weights and amounts: ties are frequent. */
			few[i].weight = random_below(&random, 4);
			if (random_one_in(&random, 20))
				few[i].carry = ((int64_t)random_below(&random, 7) - 3) *
					       (APPORTION_ONE / 4);
			many[5 * i] = few[i];
		}
		assert_int_equal(apportion(amount, few, 8), apportion(amount, many, 40));
		for (size_t i = 0; i < 8; i++) {
			assert_int_equal(few[i].share, many[5 * i].share);
			assert_int_equal(few[i].carry, many[5 * i].carry);
		}
	}
}

/* Two with equal weights, tick by tick, among others that come and go. */
static void test_equals(void **state)
{
	struct random_state random = { 3 };
	struct apportion_player players[N] = { 0 };
	uint64_t sum[2] = { 0 };

	(void)state;
	for (int c = 0; c < CASES; c++) {
		size_t a = 3, b = 7;

		for (size_t i = 0; i < N; i++)
			players[i].weight = random_one_in(&random, 4)
						    ? 0
						    : random_below(&random, 1000);
		players[b].weight = players[a].weight;
		apportion(random_below(&random, 30), players, N);
		assert_true(players[a].share <= players[b].share + 1);
		assert_true(players[b].share <= players[a].share + 1);
		sum[0] += players[a].share;
		sum[1] += players[b].share;
	}
	/* What a cut carry forgot is forgotten for both. */
	assert_true(sum[0] <= sum[1] + 1 && sum[1] <= sum[0] + 1);
}

/* The furthest a cumulative share gets from the exact quota, in thousandths. */
static uint64_t run_deviation(
	const uint64_t weights[N], uint64_t least, uint64_t spread, int ticks)
{
	struct apportion_player players[N] = { 0 };
	struct random_state random = { 4 };
	uint64_t total = 0, cumulative[N] = { 0 }, worst = 0;
	u128 sum = 0;

	for (size_t i = 0; i < N; i++) {
		players[i].weight = weights[i];
		sum += weights[i];
	}
	for (int t = 0; t < ticks; t++) {
		uint64_t amount = least + random_below(&random, t % 2 ? spread : 5);

		assert_true(apportion(amount, players, N));
		total += amount;
		for (size_t i = 0; i < N; i++) {
			u128 share, quota = (u128)total * weights[i];
			uint64_t off;

			cumulative[i] += players[i].share;
			share = cumulative[i] * sum;
			off = (uint64_t)((share > quota ? share - quota : quota - share) *
					 1000 / sum);
			worst = off > worst ? off : worst;
		}
	}
	return worst;
}

static void test_long_run(void **state)
{
	static const uint64_t alike[N] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const uint64_t near[N] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	static const uint64_t far[N] = { 1, 1, 1, 2, 3, 5, 7, 1000, 12345, 999983,
		1000003, UINT64_C(123456789012) };

	(void)state;
	assert_true(run_deviation(alike, 0, 7, 100000) < 1000);
	assert_true(run_deviation(near, 0, 7, 100000) < 1000);
	assert_true(run_deviation(near, 10000000, 90000000, 100000) < 1000);
	/* Far apart, yet nobody's quota below 1. */
	assert_true(run_deviation(far, UINT64_C(200000000000), 1000000, 100000) < 1000);
	/* Quotas of a billionth: cuts, but not many. */
	assert_true(run_deviation(far, 0, 100000000, 100000) < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_borrow),
		cmocka_unit_test(test_heavy),
		cmocka_unit_test(test_unbalanced),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_equals),
		cmocka_unit_test(test_long_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
