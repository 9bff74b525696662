/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What players did, as numbers to learn from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "host/player_load.h"

#define S	    UINT64_C(1000000000)
#define MS	    UINT64_C(1000000)
#define DOMAINS_MAX 2
#define PACKAGES    2
#define GAIN	    0.15

/* Weight of so many nanoseconds. */
#define ALONE(ns) ((ns) << WEIGHT_FRACTION_BITS)
/* The same, of which siblings take a part, were they to share all. */
#define LESS(ns, part) ((uint64_t)((double)ALONE(ns) * (1 - (part) * (1 - GAIN)) + 0.5))

#define CELL(ns, all, core, apart)                                                       \
	{                                                                                \
		.cpu_ns = (ns), .weight = (all), .core_weight = (core),                  \
		.apart_weight = (apart)                                                  \
	}

struct fixture {
	struct usage usage;
	struct usage_cell cells[DOMAINS_MAX * PACKAGES];
	struct player_loads loads;
};

static int setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.usage.n_packages = PACKAGES;
	fixture.usage.loads.n_cpus = 4;
	fixture.usage.cells = fixture.cells;
	assert_int_equal(
		player_loads_reserve(&fixture.loads, (DOMAINS_MAX + 1) * PACKAGES), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	player_loads_deinit(&fixture->loads);
	player_loads_deinit(&fixture->loads);
	return 0;
}

static void assert_close(double value, double expected, const char *what)
{
	if (!(fabs(value - expected) <= 1e-6))
		fail_msg("%s: %g instead of %g", what, value, expected);
}

static void compute(struct fixture *fixture, size_t n_domains, double seconds)
{
	static const struct weight_model model = { GAIN, 2 };
	double reference_khz = 0;

	player_loads_compute(&fixture->loads, &fixture->usage, n_domains, &model, seconds,
		&reference_khz);
}

/* From one cell to numbers. */
static void test_parts(void **state)
{
	static const struct {
		const char *name;
		struct usage_cell cell;
		struct weight_model model;
		double seconds, khz, reference_khz;
		struct power_model_load expected;
		double reference_after;
	} cases[] = {
		{ "alone", CELL(S, ALONE(S), ALONE(S), ALONE(S)), { GAIN, 2 }, 1, 0, 0,
			{ 1, 0, 0, 0 }, 0 },
		{ "by the second", CELL(S, ALONE(S), ALONE(S), ALONE(S)), { GAIN, 2 }, 2,
			0, 0, { 0.5, 0, 0, 0 }, 0 },
		{ "siblings", CELL(S, LESS(S, 0.25), LESS(S, 0.25), LESS(S, 0.1)),
			{ GAIN, 2 }, 1, 0, 0, { 1, 0.25, 0.1, 0 }, 0 },
		{ "siblings, by the second",
			CELL(S, LESS(S, 0.25), LESS(S, 0.25), LESS(S, 0.1)), { GAIN, 2 },
			0.5, 0, 0, { 2, 0.5, 0.2, 0 }, 0 },
		{ "siblings take nothing",
			CELL(S, LESS(S, 0.25), LESS(S, 0.25), ALONE(S)), { 1, 2 }, 1, 0,
			0, { 1, 0, 0, 0 }, 0 },
		{ "more weight than time",
			CELL(S, ALONE(S) + 9, ALONE(S) + 9, ALONE(S) + 9), { GAIN, 0 }, 1,
			0, 0, { 1, 0, 0, 0 }, 0 },
		{ "the first clock", CELL(S, ALONE(S), ALONE(S), ALONE(S)), { GAIN, 2 },
			1, 2000000, 0, { 1, 0, 0, 0 }, 2000000 },
		{ "a faster clock", CELL(S, ALONE(S), ALONE(S), ALONE(S)), { GAIN, 2 }, 1,
			2000000, 1000000, { 1, 0, 0, M_LN2 }, 1000000 },
		{ "no clock now", CELL(S, ALONE(S), ALONE(S), ALONE(S)), { GAIN, 2 }, 1,
			0, 1000000, { 1, 0, 0, 0 }, 1000000 },
		{ "its own clock", CELL(S, ALONE(4 * S), ALONE(S), ALONE(S)), { GAIN, 2 },
			1, 2000000, 1000000, { 1, 0, 0, 2 * M_LN2 }, 1000000 },
		{ "its own clock, steeper", CELL(S, ALONE(8 * S), ALONE(S), ALONE(S)),
			{ GAIN, 3 }, 1, 1000000, 2000000, { 1, 0, 0, 0 }, 2000000 },
		{ "clocks do not weigh", CELL(S, ALONE(4 * S), ALONE(S), ALONE(S)),
			{ GAIN, 0 }, 1, 1000000, 2000000, { 1, 0, 0, -M_LN2 }, 2000000 },
		{ "no weight", CELL(S, 0, ALONE(S), ALONE(S)), { GAIN, 2 }, 1, 0, 0,
			{ 1, 0, 0, 0 }, 0 },
		{ "too fast", CELL(S, UINT64_MAX, 1, 1), { 1, 2 }, 1, 0, 0,
			{ 1, 0, 0, 4 }, 0 },
		{ "too slow", CELL(S, 1, UINT64_MAX, UINT64_MAX), { GAIN, 2 }, 1, 0, 0,
			{ 1, 0, 0, -4 }, 0 },
		{ "did not run", CELL(0, 9, 9, 9), { GAIN, 2 }, 1, 2000000, 1000000,
			{ 0, 0, 0, 0 }, 1000000 },
		{ "weighs nothing", CELL(9, 9, 0, 9), { GAIN, 2 }, 1, 2000000, 1000000,
			{ 0, 0, 0, 0 }, 1000000 },
	};
	struct fixture *fixture = *state;

	fixture->usage.n_packages = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double reference_khz = cases[i].reference_khz;
		const struct power_model_load *parts;

		fixture->cells[0] = cases[i].cell;
		fixture->usage.loads.khz[0] = cases[i].khz;
		player_loads_compute(&fixture->loads, &fixture->usage, 1, &cases[i].model,
			cases[i].seconds, &reference_khz);
		parts = &player_loads_of(&fixture->loads, 0)[1].parts;
		assert_close(parts->time, cases[i].expected.time, cases[i].name);
		assert_close(parts->together, cases[i].expected.together, cases[i].name);
		assert_close(parts->apart, cases[i].expected.apart, cases[i].name);
		assert_close(parts->log_frequency, cases[i].expected.log_frequency,
			cases[i].name);
		assert_close(reference_khz, cases[i].reference_after, cases[i].name);
	}
}

/* Everybody in each package is at its place, and packages have one reference. */
static void test_players(void **state)
{
	static const struct weight_model model = { GAIN, 2 };
	struct fixture *fixture = *state;
	double reference_khz = 0;

	for (size_t p = 0; p < PACKAGES; p++)
		for (size_t i = 0; i <= DOMAINS_MAX; i++) {
			uint64_t ns = (1 + i + 10 * p) * MS;
			struct usage_cell *cell =
				i == 0 ? &fixture->usage.host[p]
				       : &fixture->cells[(i - 1) * PACKAGES + p];

			*cell = (struct usage_cell)CELL(
				ns, ALONE(ns), ALONE(ns), ALONE(ns));
		}
	fixture->usage.loads.khz[0] = 0;
	fixture->usage.loads.khz[1] = 3000000;
	player_loads_compute(
		&fixture->loads, &fixture->usage, DOMAINS_MAX, &model, 1, &reference_khz);
	assert_close(reference_khz, 3000000, "reference");
	fixture->usage.loads.khz[0] = 1500000;
	player_loads_compute(
		&fixture->loads, &fixture->usage, DOMAINS_MAX, &model, 1, &reference_khz);
	assert_close(reference_khz, 3000000, "reference");
	assert_int_equal(fixture->loads.n_players, DOMAINS_MAX + 1);
	assert_int_equal(fixture->loads.n_packages, PACKAGES);
	for (size_t p = 0; p < PACKAGES; p++)
		for (size_t i = 0; i <= DOMAINS_MAX; i++) {
			const struct power_model_load *parts =
				&player_loads_of(&fixture->loads, p)[i].parts;

			assert_close(
				parts->time, (double)(1 + i + 10 * p) / 1000, "time");
			assert_close(parts->log_frequency, p == 0 ? -M_LN2 : 0, "clock");
		}
}

/* Four CPUs, and clocks that are not read at once. */
static void test_plausible(void **state)
{
	static const struct {
		uint64_t host_ns, domain_ns[PACKAGES], busy_ns[PACKAGES];
		double seconds;
		bool plausible;
	} cases[] = {
		{ 0, { 0, 0 }, { 0, 0 }, 1, true },
		{ S, { S, S }, { 2 * S, S }, 1, true },
		{ S, { 2 * S, 1799 * MS }, { 0, 0 }, 1, true },
		{ S, { 2 * S, 1801 * MS }, { 0, 0 }, 1, false },
		{ 4801 * MS, { 0, 0 }, { 0, 0 }, 1, false },
		{ 0, { 0, 0 }, { 4799 * MS, 4799 * MS }, 1, true },
		{ 0, { 0, 0 }, { 0, 4801 * MS }, 1, false },
		{ S, { 4 * S, 4 * S }, { 9 * S, 0 }, 2, true },
		{ 0, { 3 * S, 0 }, { 3 * S, 0 }, 0.5, false },
		{ UINT64_C(1) << 62, { 0, 0 }, { UINT64_C(1) << 62, 0 }, 1, false },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture->usage.host[0].cpu_ns = cases[i].host_ns;
		fixture->usage.host[0].core_weight = 1;
		for (size_t p = 0; p < PACKAGES; p++) {
			fixture->cells[p].cpu_ns = cases[i].domain_ns[p];
			fixture->cells[p].core_weight = 1;
			fixture->usage.loads.busy_ns[p] = cases[i].busy_ns[p];
		}
		compute(fixture, 1, cases[i].seconds);
		if (player_loads_is_plausible(&fixture->loads, &fixture->usage,
			    cases[i].seconds) != cases[i].plausible)
			fail_msg("case %zu", i);
	}
}

static void set_cell(struct usage_cell *cell, uint64_t cpu_ns, uint64_t moved_ns)
{
	*cell = (struct usage_cell)CELL(
		cpu_ns, ALONE(cpu_ns), ALONE(cpu_ns), ALONE(cpu_ns));
	cell->moved_ns = moved_ns;
}

struct move {
	const char *name;
	/* In milliseconds, by domain and package: all, and what was seen elsewhere. */
	uint64_t cpu_ms[DOMAINS_MAX][PACKAGES], moved_ms[DOMAINS_MAX][PACKAGES];
	uint64_t busy_ms[PACKAGES];
	double host_share[PACKAGES];
	/* After: the domains' and the host's. */
	double times[DOMAINS_MAX][PACKAGES], host[PACKAGES];
};

static void check_move(struct fixture *fixture, const struct move *move)
{
	double host_share[MACHINE_PACKAGES_MAX] = { 0 };

	for (size_t p = 0; p < PACKAGES; p++) {
		uint64_t busy_ns = move->busy_ms[p] * MS, domains_ns = 0;

		for (size_t i = 0; i < DOMAINS_MAX; i++) {
			set_cell(&fixture->cells[i * PACKAGES + p],
				move->cpu_ms[i][p] * MS, move->moved_ms[i][p] * MS);
			domains_ns += move->cpu_ms[i][p] * MS;
		}
		fixture->usage.loads.busy_ns[p] = busy_ns;
		set_cell(&fixture->usage.host[p],
			busy_ns > domains_ns ? busy_ns - domains_ns : 0, 0);
		host_share[p] = move->host_share[p];
	}
	compute(fixture, DOMAINS_MAX, 1);
	player_loads_place(&fixture->loads, &fixture->usage, 1, host_share);
	for (size_t p = 0; p < PACKAGES; p++) {
		const struct player_load *loads = player_loads_of(&fixture->loads, p);

		for (size_t i = 0; i < DOMAINS_MAX; i++)
			assert_close(
				loads[1 + i].parts.time, move->times[i][p], move->name);
		assert_close(loads[0].parts.time, move->host[p], move->name);
		assert_close(host_share[p],
			exp(-1 / 60.0) * move->host_share[p] +
				(1 - exp(-1 / 60.0)) * move->host[p],
			move->name);
	}
}

static void test_place(void **state)
{
	static const struct move moves[] = {
		{ "nothing ran", .host_share = { 0.1, 0.1 } },
		{ "nobody moved", { { 400, 0 }, { 0, 300 } }, { { 0 } }, { 500, 500 },
			{ 0.1, 0.1 }, { { 0.4, 0 }, { 0, 0.3 } }, { 0.1, 0.2 } },
		{ "more than there was, but nobody moved", { { 400, 600 } }, { { 0 } },
			{ 1000, 0 }, { 0.1, 0.1 }, { { 0.4, 0.6 } }, { 0.6, 0 } },
		{ "was never there", { { 500, 500 } }, { { 500, 500 } }, { 1000, 0 },
			{ 0, 0 }, { { 1, 0 } }, { 0, 0 } },
		{ "was never here", { { 500, 500 } }, { { 500, 500 } }, { 0, 1000 },
			{ 0, 0 }, { { 0, 1 } }, { 0, 0 } },
		{ "the host is mostly here", { { 500, 500 } }, { { 500, 500 } },
			{ 1100, 200 }, { 0.2, 0 }, { { 0.8, 0.2 } }, { 0.3, 0 } },
		{ "the host is here and there", { { 500, 500 } }, { { 500, 500 } },
			{ 1100, 200 }, { 0.2, 0.1 }, { { 0.9, 0.1 } }, { 0.2, 0.1 } },
		{ "nobody knows where the host is", { { 500, 500 } }, { { 500, 500 } },
			{ 1000, 400 }, { 0, 0 }, { { 0.8, 0.2 } }, { 0.2, 0.2 } },
		{ "no more than what moved", { { 100, 500 } }, { { 100, 100 } },
			{ 600, 0 }, { 0, 0 }, { { 0.2, 0.4 } }, { 0.4, 0 } },
		{ "two that moved", { { 400, 400 }, { 200, 200 } },
			{ { 400, 400 }, { 200, 200 } }, { 900, 300 }, { 0, 0 },
			{ { 0.6, 0.2 }, { 0.3, 0.1 } }, { 0, 0 } },
		{ "one that moved, one that did not", { { 400, 400 }, { 0, 300 } },
			{ { 400, 400 }, { 0, 0 } }, { 500, 600 }, { 0, 0 },
			{ { 0.5, 0.3 }, { 0, 0.3 } }, { 0, 0 } },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		check_move(fixture, &moves[i]);
}

/* Where the host has time that it was not booked it is like the domains there. */
static void test_host(void **state)
{
	double host_share[MACHINE_PACKAGES_MAX] = { 0 };
	struct fixture *fixture = *state;
	const struct power_model_load *host;

	fixture->cells[0] = (struct usage_cell)CELL(
		S, LESS(S, 0.2), LESS(S, 0.2), LESS(S, 0.1));
	fixture->cells[0].moved_ns = S;
	fixture->cells[1] = fixture->cells[0];
	fixture->usage.loads.busy_ns[0] = 1500 * MS;
	fixture->usage.loads.busy_ns[1] = 1000 * MS;
	fixture->usage.loads.khz[0] = 1000000;
	fixture->usage.loads.khz[1] = 2000000;
	compute(fixture, 1, 1);
	player_loads_place(&fixture->loads, &fixture->usage, 1, host_share);
	/* A quarter of a second in each: one more of the domain's in the first. */
	host = &player_loads_of(&fixture->loads, 0)[0].parts;
	assert_close(host->time, 0.25, "time");
	assert_close(host->together, 0.05, "together");
	assert_close(host->apart, 0.025, "apart");
	assert_close(host->log_frequency, 0, "clock");
	host = &player_loads_of(&fixture->loads, 1)[0].parts;
	assert_close(host->time, 0.25, "time");
	assert_close(host->log_frequency, M_LN2, "clock");
	assert_close(
		player_loads_of(&fixture->loads, 0)[1].parts.together, 0.25, "moved");
	assert_close(player_loads_of(&fixture->loads, 1)[1].parts.apart, 0.075, "moved");
}

/* Room that is there stays, and more comes. */
static void test_reserve(void **state)
{
	struct fixture *fixture = *state;
	struct player_load *first = fixture->loads.loads;

	assert_int_equal(player_loads_reserve(&fixture->loads, 1), 0);
	assert_ptr_equal(fixture->loads.loads, first);
	assert_int_equal(player_loads_reserve(&fixture->loads, 4000), 0);
	assert_true(fixture->loads.size >= 4000);
	memset(fixture->loads.loads, 1, 4000 * sizeof(*first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parts),
		TEST(test_players),
		TEST(test_plausible),
		TEST(test_place),
		TEST(test_host),
		TEST(test_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
