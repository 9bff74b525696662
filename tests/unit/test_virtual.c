/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Counters between samples: the line, staleness, the edge, and what holds always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fuse-powercap/virtual.h"
#include "shared/clock.h"

#define RANGE_UJ 262143328850u
#define MS	 ((uint64_t)NSEC_PER_MSEC)
#define SECOND	 ((uint64_t)NSEC_PER_SEC)
/* An instant to count from. */
#define T0 (123456789 * SECOND)

static struct virtual_counters make_counters(
	uint64_t range_uj, uint64_t period_ms, uint64_t stale_after_ms)
{
	struct powercap_model model = { 0 };
	struct virtual_counters counters;

	assert_int_equal(powercap_model_add(
				 &model, "package-0", range_uj, POWERCAP_ZONE_NO_PARENT),
		0);
	assert_int_equal(powercap_model_add(&model, "dram", range_uj, 0), 0);
	assert_int_equal(
		virtual_counters_init(&counters, &model, period_ms, stale_after_ms), 0);
	return counters;
}

static int try_sample(struct virtual_counters *counters, const uint64_t *measured_uj,
	uint64_t now_ns, uint32_t exact)
{
	const struct virtual_sample sample = { .measured_uj = measured_uj,
		.exact = exact };

	return virtual_counters_sample(counters, &sample, now_ns);
}

static void sample(struct virtual_counters *counters, uint64_t package_uj,
	uint64_t dram_uj, uint64_t now_ns)
{
	const uint64_t measured_uj[] = { package_uj, dram_uj };

	assert_int_equal(try_sample(counters, measured_uj, now_ns, 0), 0);
}

static uint64_t shown(
	struct virtual_counters *counters, unsigned int zone, uint64_t now_ns)
{
	uint64_t uj = 0;

	assert_int_equal(virtual_counters_shown(counters, zone, now_ns, &uj), 0);
	return uj;
}

static void test_times(void **state)
{
	static const struct {
		uint64_t period_ms, stale_after_ms;
		int r;
	} cases[] = {
		{ 1, 1, 0 },
		{ 0, 1, -EINVAL },
		{ 1, 0, -EINVAL },
		{ VIRTUAL_PERIOD_MAX_MS, VIRTUAL_STALE_AFTER_MAX_MS, 0 },
		{ VIRTUAL_PERIOD_MAX_MS + 1, 1, -EINVAL },
		{ 1, VIRTUAL_STALE_AFTER_MAX_MS + 1, -EINVAL },
		{ UINT64_MAX, UINT64_MAX, -EINVAL },
	};
	const struct powercap_model model = { 0 };
	struct virtual_counters counters;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(virtual_counters_init(&counters, &model,
					 cases[i].period_ms, cases[i].stale_after_ms),
			cases[i].r);
}

/* 4 J arrive at once; a quarter of it a second, then half of that, and so on. */
static void test_line(void **state)
{
	static const struct {
		uint64_t at_ms;
		uint64_t package_uj, dram_uj;
	} cases[] = {
		{ 0, 1000, 500 },
		{ 1, 3000, 501 },
		{ 500, 1001000, 1000 },
		{ 1000, 2001000, 1500 },
		{ 1500, 2501000, 2000 },
		{ 2000, 3001000, 2500 },
		{ 3000, 3501000, 2500 },
		{ 4000, 3751000, 2500 },
		{ 8000, 3985375, 2500 },
		/* From here on it is the least speed that lasts until it is stale. */
		{ 9000, 3990000, 2500 },
		{ 9001, 3990001, 2500 },
		{ 19999, 4000999, 2500 },
	};
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 20000);

	(void)state;
	sample(&counters, 1000, 500, T0 - SECOND);
	assert_int_equal(shown(&counters, 0, T0 - SECOND / 2), 1000);
	sample(&counters, 4001000, 2500, T0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t now_ns = T0 + cases[i].at_ms * MS;

		assert_int_equal(shown(&counters, 0, now_ns), cases[i].package_uj);
		assert_int_equal(shown(&counters, 1, now_ns), cases[i].dram_uj);
	}
}

/* At steady power it lags two periods' energy, at the power's own slope. */
static void test_steady(void **state)
{
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);
	uint64_t uj = 0;

	(void)state;
	for (unsigned int i = 0; i <= 40; i++, uj += 30000000)
		sample(&counters, 1 + uj, 1, T0 + i * SECOND);
	uj -= 30000000;
	for (uint64_t ms = 0; ms < 1000; ms += 100)
		assert_in_range(shown(&counters, 0, T0 + 40 * SECOND + ms * MS),
			uj - 60000000 + 30000 * ms, uj - 59999900 + 30000 * ms);
}

/* 10 W; samples are late. It catches up in the end, and never faster than 10 W. */
static void test_peak(void **state)
{
	/* When samples came, in seconds, and what was shown when they did. */
	static const struct {
		unsigned int at_s;
		uint64_t shown_uj;
	} rows[] = {
		{ 0, 1 },
		{ 1, 1 },
		{ 2, 5000001 },
		{ 3, 12500001 },
		/* 17.5 J are behind; 8.75, 4.375 and 2.1875 of it were shown. */
		{ 6, 27812501 },
		/* 32.1875 J are behind: for two seconds at 10 W, then half of it. */
		{ 9, 53906251 },
		{ 12, 81953126 },
		{ 15, 110976563 },
		/* The samples are in time again, and it stays that far behind. */
		{ 16, 120976563 },
		{ 17, 130976563 },
	};
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);
	uint64_t uj = 1, at_s = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t elapsed_ns = (rows[i].at_s - at_s) * SECOND;
		uint64_t now_ns = T0 + rows[i].at_s * SECOND;
		const uint64_t measured_uj[] = { uj += elapsed_ns / 100, 1 };
		const struct virtual_sample planned = { .measured_uj = measured_uj,
			.elapsed_ns = elapsed_ns };

		at_s = rows[i].at_s;
		assert_int_equal(virtual_counters_sample(&counters, &planned, now_ns), 0);
		assert_int_equal(shown(&counters, 0, now_ns), rows[i].shown_uj);
	}
	/* It is the most there ever was, and not what there was last. */
	sample(&counters, uj + 1000, 1, T0 + 18 * SECOND);
	assert_int_equal(shown(&counters, 0, T0 + 19 * SECOND), 150976563);
}

/* Little energy lasts until it is stale, where there is enough for that at all. */
static void test_reserve(void **state)
{
	static const struct {
		uint64_t behind_uj;
		uint64_t at_ms, left_uj;
	} cases[] = {
		{ 40000, 1000, 20000 },
		{ 40000, 2000, 10000 },
		{ 40000, 3000, 7000 },
		{ 40000, 9999, 1 },
		/* Half of it in the first period, as ever; then 1 uJ/ms. */
		{ 18000, 1000, 9000 },
		{ 18000, 1001, 8999 },
		{ 18000, 9999, 1 },
		{ 12000, 1000, 6000 },
		{ 12000, 6999, 1 },
		{ 12000, 7000, 0 },
		{ 12000, 9999, 0 },
		{ 1500, 1499, 1 },
		{ 1500, 1500, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);
		uint64_t measured_uj = 1 + cases[i].behind_uj, uj;

		sample(&counters, 1, 1, T0);
		sample(&counters, measured_uj, 1, T0);
		uj = shown(&counters, 0, T0 + cases[i].at_ms * MS);
		if (measured_uj - uj != cases[i].left_uj)
			fail_msg("case %zu: %llu", i,
				(unsigned long long)(measured_uj - uj));
	}
}

static uint64_t read_uj(
	struct virtual_counters *counters, unsigned int zone, uint64_t now_ns)
{
	uint64_t uj = 0;

	assert_int_equal(virtual_counters_read(counters, zone, now_ns, &uj), 0);
	return uj;
}

/* Who reads one zone after the other has them of one instant and one sample. */
static void test_pass(void **state)
{
	const uint64_t measured_uj[] = { 9000000, 4500000 };
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);
	uint64_t now_ns = T0 + SECOND / 2, uj;

	(void)state;
	sample(&counters, 2000000, 1000000, T0);
	sample(&counters, 4000000, 2000000, T0);
	assert_int_equal(read_uj(&counters, 0, now_ns), 2500000);
	assert_int_equal(read_uj(&counters, 1, now_ns + 9 * MS), 1250000);
	/* dram was read already: this is the next pass. */
	assert_int_equal(read_uj(&counters, 1, now_ns + 9 * MS), 1254500);
	assert_int_equal(read_uj(&counters, 0, now_ns + 12 * MS), 2509000);
	/* Too late for the pass that package has begun, and the next one is whole. */
	now_ns += 100 * MS;
	assert_int_equal(read_uj(&counters, 0, now_ns), 2600000);
	assert_int_equal(read_uj(&counters, 1, now_ns + VIRTUAL_PASS_NS + 1000), 1305000);
	assert_int_equal(read_uj(&counters, 0, now_ns + 12 * MS), 2612000);
	assert_int_equal(read_uj(&counters, 1, now_ns + 13 * MS), 1306000);
	/* Nor is the one that dram begins, when it is a pause and not a slow pass. */
	assert_int_equal(read_uj(&counters, 1, now_ns + 14 * MS), 1307000);
	assert_int_equal(read_uj(&counters, 0, now_ns + 15 * MS), 2614000);
	assert_int_equal(read_uj(&counters, 0, now_ns + 16 * MS), 2616000);
	now_ns += 200 * MS;
	assert_int_equal(read_uj(&counters, 1, now_ns), 1400000);
	assert_int_equal(read_uj(&counters, 0, now_ns + MS), 2800000);
	/* A sample between the two, also one that jumps. */
	now_ns += 20 * MS;
	assert_int_equal(read_uj(&counters, 0, now_ns), 2820000);
	assert_int_equal(
		try_sample(&counters, measured_uj, now_ns + MS, VIRTUAL_ALL_ZONES), 0);
	assert_int_equal(shown(&counters, 1, now_ns + MS), 4500000);
	assert_int_equal(read_uj(&counters, 1, now_ns + MS), 1410000);
	assert_int_equal(read_uj(&counters, 1, now_ns + MS), 4500000);
	assert_int_equal(read_uj(&counters, 0, now_ns + MS), 9000000);
	/* What has become stale is not shown, nor what was before it once it is back. */
	now_ns += 10 * SECOND;
	assert_int_equal(read_uj(&counters, 0, now_ns), 9000000);
	assert_int_equal(virtual_counters_read(&counters, 1, now_ns + 2 * MS, &uj), -EIO);
	sample(&counters, 9000000, 8000000, now_ns + 3 * MS);
	assert_int_equal(read_uj(&counters, 1, now_ns + 4 * MS), 8000000);
}

/* Another process goes on with the plan: nobody can tell from what is shown. */
static void test_resume(void **state)
{
	static const uint64_t none[2] = { 0 };
	struct virtual_counters first = make_counters(RANGE_UJ, 1000, 10000);
	struct virtual_counters next = make_counters(RANGE_UJ, 2500, 60000);
	struct virtual_plan bad;
	uint64_t uj;

	(void)state;
	assert_true(virtual_plan_is_valid(&first.plan, 2));
	virtual_counters_resume(&next, &first.plan);
	assert_int_equal(virtual_counters_shown(&next, 0, T0, &uj), -EIO);
	sample(&first, 1000000, 500000, T0);
	sample(&first, 9000000, 600000, T0 + SECOND);
	assert_true(virtual_plan_is_valid(&first.plan, 2));
	virtual_counters_resume(&next, &first.plan);
	assert_int_equal(try_sample(&next, none, T0 + SECOND, 0), -ERANGE);
	for (uint64_t ms = 1000; ms < 11000; ms += 77) {
		for (unsigned int zone = 0; zone < 2; zone++)
			assert_int_equal(shown(&next, zone, T0 + ms * MS),
				shown(&first, zone, T0 + ms * MS));
	}

	bad = first.plan;
	bad.period_ns++;
	assert_false(virtual_plan_is_valid(&bad, 2));
	bad.period_ns = (VIRTUAL_PERIOD_MAX_MS + 1) * MS;
	assert_false(virtual_plan_is_valid(&bad, 2));
	bad = first.plan;
	bad.stale_after_ns = 0;
	assert_false(virtual_plan_is_valid(&bad, 2));
	bad.stale_after_ns = VIRTUAL_STALE_AFTER_MAX_MS * MS + 1;
	assert_false(virtual_plan_is_valid(&bad, 2));
	bad = first.plan;
	bad.zones[1].behind_pj = 600000000001;
	assert_false(virtual_plan_is_valid(&bad, 2));
	assert_true(virtual_plan_is_valid(&bad, 1));
	bad = first.plan;
	bad.zones[0].peak_uw = 999;
	assert_false(virtual_plan_is_valid(&bad, 2));
}

static void test_stale(void **state)
{
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);
	uint64_t uj = 77;

	(void)state;
	assert_int_equal(virtual_counters_shown(&counters, 0, T0, &uj), -EIO);
	sample(&counters, 1000, 1, T0);
	assert_int_equal(virtual_counters_shown(&counters, 2, T0, &uj), -EINVAL);
	sample(&counters, 5000000, 1, T0 + SECOND);
	assert_int_equal(
		virtual_counters_shown(&counters, 0, T0 + 11 * SECOND, &uj), -EIO);
	assert_int_equal(
		virtual_counters_read(&counters, 0, T0 + 11 * SECOND, &uj), -EIO);
	/* Neither does an older instant revive it. */
	assert_int_equal(virtual_counters_shown(&counters, 1, T0 + SECOND, &uj), -EIO);
	assert_int_equal(uj, 77);
	sample(&counters, 6000000, 2, T0 + 30 * SECOND);
	assert_int_equal(shown(&counters, 0, T0 + 30 * SECOND), 6000000);
	assert_int_equal(shown(&counters, 1, T0 + 30 * SECOND), 2);
	/* Stale without anybody having looked. */
	sample(&counters, 9000000, 3, T0 + 40 * SECOND);
	assert_int_equal(shown(&counters, 0, T0 + 40 * SECOND), 9000000);
	assert_int_equal(
		virtual_counters_shown(&counters, 0, T0 + 50 * SECOND - 1, &uj), 0);
}

static void test_sample(void **state)
{
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);
	const uint64_t lower[] = { 2000001, 99 }, equal[] = { 2000000, 100 },
		       jump[] = { 9000000, 200 };

	(void)state;
	sample(&counters, 1000000, 100, T0);
	sample(&counters, 2000000, 100, T0 + SECOND);
	/* dram is lower: package is not taken either. */
	assert_int_equal(
		try_sample(&counters, lower, T0 + SECOND, VIRTUAL_ALL_ZONES), -ERANGE);
	assert_int_equal(shown(&counters, 0, T0 + 2 * SECOND), 1500000);
	assert_int_equal(try_sample(&counters, equal, T0 + 2 * SECOND, 0), 0);
	assert_int_equal(shown(&counters, 0, T0 + 3 * SECOND), 1750000);
	assert_int_equal(
		try_sample(&counters, jump, T0 + 3 * SECOND, VIRTUAL_ALL_ZONES), 0);
	assert_int_equal(shown(&counters, 0, T0 + 3 * SECOND), 9000000);
	assert_int_equal(shown(&counters, 1, T0), 200);
}

/* A new period holds for the next plan, not for the one under way. */
static void test_set_times(void **state)
{
	struct virtual_counters counters = make_counters(RANGE_UJ, 1000, 10000);

	(void)state;
	sample(&counters, 1, 1, T0);
	sample(&counters, 4000001, 1, T0 + SECOND);
	assert_int_equal(shown(&counters, 0, T0 + SECOND + SECOND / 2), 1000001);
	assert_int_equal(virtual_counters_set_times(&counters, 0, 10000), -EINVAL);
	assert_int_equal(virtual_counters_set_times(&counters, 10000, 30000), 0);
	assert_int_equal(shown(&counters, 0, T0 + 2 * SECOND), 2000001);
	sample(&counters, 4000001, 1, T0 + 2 * SECOND);
	assert_int_equal(shown(&counters, 0, T0 + 12 * SECOND), 3000001);
	assert_int_equal(shown(&counters, 0, T0 + 31 * SECOND), 3500001 + 225000);
}

static void test_edge(void **state)
{
	static const struct {
		uint64_t measured_uj, read_uj;
	} cases[] = {
		{ 1, 1 },
		{ 999, 999 },
		{ 1000, 999 }, /* 0 is not shown */
		{ 1001, 1 },
		{ 1999, 999 },
		{ 2000, 999 },
		{ 123456789, 789 },
		{ UINT64_MAX, UINT64_MAX % 1000 },
	};
	struct virtual_counters counters = make_counters(1000, 1000, 10000);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t measured_uj[] = { cases[i].measured_uj, 1 };
		uint64_t uj = 0;

		assert_int_equal(try_sample(&counters, measured_uj, T0 + i * SECOND,
					 VIRTUAL_ALL_ZONES),
			0);
		assert_int_equal(
			virtual_counters_read(&counters, 0, T0 + i * SECOND, &uj), 0);
		assert_int_equal(uj, cases[i].read_uj);
	}
}

static void test_huge(void **state)
{
	struct virtual_counters counters = make_counters(
		RANGE_UJ, VIRTUAL_PERIOD_MAX_MS, VIRTUAL_STALE_AFTER_MAX_MS);
	uint64_t period_ns = VIRTUAL_PERIOD_MAX_MS * MS;

	(void)state;
	sample(&counters, 0, 0, T0);
	sample(&counters, UINT64_MAX, 1, T0);
	assert_true(shown(&counters, 0, T0) == 0);
	assert_true(shown(&counters, 0, T0 + period_ns) == UINT64_MAX / 2);
	assert_true(shown(&counters, 0, T0 + 23 * period_ns) ==
		    UINT64_MAX - (UINT64_MAX >> 23) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_peak),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_set_times),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
