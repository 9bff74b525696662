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

static void sample(struct virtual_counters *counters, uint64_t package_uj,
	uint64_t dram_uj, uint64_t now_ns)
{
	const uint64_t measured_uj[] = { package_uj, dram_uj };

	assert_int_equal(
		virtual_counters_sample(counters, measured_uj, now_ns, false), 0);
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
		/* 1953 uJ are behind, so the line would be slower than 1 uJ/ms. */
		{ 11000, 3999046, 2500 },
		{ 11001, 3999047, 2500 },
		{ 12953, 4000999, 2500 },
		{ 12954, 4001000, 2500 },
		{ 19000, 4001000, 2500 },
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
		virtual_counters_sample(&counters, lower, T0 + SECOND, true), -ERANGE);
	assert_int_equal(shown(&counters, 0, T0 + 2 * SECOND), 1500000);
	assert_int_equal(
		virtual_counters_sample(&counters, equal, T0 + 2 * SECOND, false), 0);
	assert_int_equal(shown(&counters, 0, T0 + 3 * SECOND), 1750000);
	assert_int_equal(
		virtual_counters_sample(&counters, jump, T0 + 3 * SECOND, true), 0);
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

		assert_int_equal(virtual_counters_sample(
					 &counters, measured_uj, T0 + i * SECOND, true),
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

/* xorshift64*, so that a failure can be had again. */
static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 0x2545f4914f6cdd1du;
}

static uint64_t random_below(uint64_t *seed, uint64_t limit)
{
	return random_u64(seed) % limit;
}

/* What is measured, when, and what was last read. */
struct course {
	uint64_t seed;
	struct virtual_counters counters;
	uint64_t stale_after_ns;
	uint64_t now_ns, sample_ns, read_ns;
	uint64_t measured_uj[2], read_uj[2];
};

static void course_sample(struct course *course)
{
	static const uint64_t most_uj[] = { 1, 10, 2000, 100000, 300000000, 1u << 31 };
	bool exact = random_below(&course->seed, 50) == 0;

	for (unsigned int i = 0; i < 2; i++)
		course->measured_uj[i] += random_below(
			&course->seed, most_uj[random_below(&course->seed, 6)]);
	assert_int_equal(virtual_counters_sample(&course->counters, course->measured_uj,
				 course->now_ns, exact),
		0);
	course->sample_ns = course->now_ns;
}

static void course_read(struct course *course)
{
	uint64_t elapsed_ms = (course->now_ns - course->read_ns) / MS;
	/* Half of the reads look back, which shows the same again. */
	uint64_t asked_ns = random_below(&course->seed, 2) ? course->now_ns
							   : course->read_ns / 2;
	uint64_t uj[2];

	assert_int_equal(
		virtual_counters_shown(&course->counters, 0, course->now_ns, &uj[0]), 0);
	assert_int_equal(
		virtual_counters_shown(&course->counters, 1, asked_ns, &uj[1]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(uj[i] >= course->read_uj[i]);
		assert_true(uj[i] <= course->measured_uj[i]);
		if (uj[i] < course->measured_uj[i])
			assert_true(uj[i] - course->read_uj[i] >= elapsed_ms);
		course->read_uj[i] = uj[i];
	}
	course->read_ns = course->now_ns;
}

static void run_course(uint64_t seed, unsigned int n_reads)
{
	static const uint64_t periods_ms[] = { 1000, 1000, 2500, 60000, 1, 7 };
	uint64_t period_ms = periods_ms[seed % 6];
	struct course course = { .seed = seed, .now_ns = T0, .read_ns = T0 };
	uint64_t step_ns = 2 * (period_ms * MS / (1 + random_below(&course.seed, 40)));

	course.stale_after_ns = 10 * period_ms * MS;
	course.counters = make_counters(RANGE_UJ, period_ms, 10 * period_ms);
	course.measured_uj[0] = random_u64(&course.seed) >> 8;
	course_sample(&course);
	course.read_uj[0] = course.measured_uj[0];
	course.read_uj[1] = course.measured_uj[1];
	for (unsigned int i = 0; i < n_reads; i++) {
		uint64_t uj;

		course.now_ns += random_below(&course.seed, step_ns);
		if (random_below(&course.seed, 500) == 0)
			course.now_ns += random_below(
				&course.seed, course.stale_after_ns);
		if (course.now_ns - course.sample_ns >= course.stale_after_ns) {
			assert_int_equal(virtual_counters_shown(
						 &course.counters, 0, course.now_ns, &uj),
				-EIO);
			course_sample(&course);
			course.read_ns = course.now_ns;
		}
		course_read(&course);
		if (course.now_ns - course.sample_ns >= period_ms * MS &&
			random_below(&course.seed, 10) > 0)
			course_sample(&course);
	}
}

static void test_properties(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++)
		run_course(seed * 0x9e3779b97f4a7c15u, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_set_times),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
