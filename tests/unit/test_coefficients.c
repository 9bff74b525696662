/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What is learned of a host whose power has a formula, and what never happens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/coefficients.h"
#include "shared/clock.h"
#include "tests/unit/random.h"
#include "tests/unit/scene.h"

#define PACKAGES    2
#define CORES	    8 /* of a package */
#define DOMAINS_MAX 80
#define PLAYERS_MAX (DOMAINS_MAX + 1)
#define CORE_W	    6.0

/* A host whose cores have one thread and one clock. */
struct fixture {
	struct coefficients *coefficients;
	struct random_state random;
	struct scene scene;
	struct sample sample;
	struct usage usage;
	struct usage_cell cells[DOMAINS_MAX * PACKAGES];
	struct cpu_load loads[PACKAGES * CORES];
	uint32_t next_sibling[PACKAGES * CORES];
	struct weight_model weight;
	struct coefficients_tick tick;
	/* Truth: what a core of each player's takes, and a package that is awake. */
	double core_w[PLAYERS_MAX];
	double wake_w;
	double true_j[PLAYERS_MAX][PACKAGES]; /* of the last tick, without the wake */
};

static double uniform(struct fixture *f, double min, double max)
{
	return min + (max - min) * (double)random_below(&f->random, 1u << 30) /
			     (double)(1u << 30);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	scene_init(&f->scene, PACKAGES);
	f->random.state = 1;
	f->weight = (struct weight_model){ WEIGHT_SMT_GAIN, WEIGHT_FREQUENCY_EXPONENT };
	f->usage.n_packages = f->usage.loads.n_packages = PACKAGES;
	f->usage.cells = f->cells;
	f->usage.loads.n_cpus = PACKAGES * CORES;
	f->usage.loads.cpus = f->loads;
	f->usage.loads.next_sibling = f->next_sibling;
	for (uint32_t i = 0; i < PACKAGES * CORES; i++) {
		f->loads[i].package = (uint16_t)(i / CORES);
		f->next_sibling[i] = i;
	}
	for (size_t i = 0; i < PLAYERS_MAX; i++)
		f->core_w[i] = CORE_W;
	assert_int_equal(coefficients_new(&f->coefficients), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	coefficients_free(f->coefficients);
	sample_deinit(&f->sample);
	free(f);
	return 0;
}

/* Domains first .. first + n - 1. */
static void set_domains(struct fixture *f, uint32_t first, size_t n)
{
	scene_begin(&f->scene, &f->sample, SCENE_SECOND_NS);
	for (uint32_t i = 0; i < n; i++)
		scene_add_domain(&f->sample, first + i, 1);
	assert_int_equal(coefficients_reserve(f->coefficients, n, PACKAGES), 0);
}

static struct usage_cell *cell(struct fixture *f, size_t player, size_t package)
{
	return player == 0 ? &f->usage.host[package]
			   : &f->cells[(player - 1) * PACKAGES + package];
}

static void use(struct fixture *f, size_t player, size_t package, double cores)
{
	struct usage_cell *own = cell(f, player, package);

	memset(own, 0, sizeof(*own));
	own->cpu_ns = (uint64_t)(cores * 1e9);
	own->weight = weight_of(own->cpu_ns, WEIGHT_FACTOR_ONE);
	own->core_weight = own->apart_weight = own->weight;
}

/* The power of what they use; then they are weighed. */
static void step(struct fixture *f)
{
	size_t n_players = f->sample.n_domains + 1;

	f->tick.sample = &f->sample;
	f->tick.usage = &f->usage;
	f->tick.weight = &f->weight;
	f->tick.dt_ns = NSEC_PER_SEC;
	for (size_t p = 0; p < PACKAGES; p++) {
		double power = 0, cores = 0;

		f->usage.loads.busy_ns[p] = 0;
		for (size_t i = 0; i < n_players; i++) {
			double own = (double)cell(f, i, p)->cpu_ns / 1e9;

			f->true_j[i][p] = f->core_w[i] * own;
			power += f->true_j[i][p];
			cores += own;
			f->usage.loads.busy_ns[p] += cell(f, i, p)->cpu_ns;
		}
		power += f->wake_w * (1 - exp(-cores));
		f->tick.packages[p] = (struct coefficients_package){
			.measured = true,
			.dynamic_uj = (uint64_t)(power * 1e6),
			.idle_uw = 20000000,
		};
	}
	coefficients_step(f->coefficients, &f->tick);
	coefficients_accept(f->coefficients);
}

static void use_at_random(struct fixture *f)
{
	size_t n_players = f->sample.n_domains + 1;

	for (size_t i = 0; i < n_players; i++)
		for (size_t p = 0; p < PACKAGES; p++)
			use(f, i, p, uniform(f, 0, 1.8 * CORES / (double)n_players));
}

static void run(struct fixture *f, size_t ticks)
{
	for (size_t t = 0; t < ticks; t++) {
		use_at_random(f);
		step(f);
	}
}

static double share_of(const struct fixture *f, size_t player, size_t package)
{
	double sum = 0;

	for (size_t i = 0; i <= f->sample.n_domains; i++)
		sum += (double)coefficients_weight(f->coefficients, i, package);
	return (double)coefficients_weight(f->coefficients, player, package) / sum;
}

/* How much of the energy of a package goes to the wrong player, with these weights. */
static double error_of(const struct fixture *f, size_t package)
{
	double sum = 0, error = 0;

	for (size_t i = 0; i <= f->sample.n_domains; i++)
		sum += f->true_j[i][package];
	for (size_t i = 0; i <= f->sample.n_domains; i++)
		error += fabs(share_of(f, i, package) - f->true_j[i][package] / sum);
	return error;
}

static void test_nothing_known(void **state)
{
	struct fixture *f = *state;

	set_domains(f, 1, 3);
	use_at_random(f);
	f->tick.packages[0].measured = false;
	step(f);
	for (size_t p = 0; p < PACKAGES; p++)
		for (size_t q = 0; q < 4; q++)
			assert_true(coefficients_weight(f->coefficients, q, p) > 0);
}

static void test_recovery(void **state)
{
	static const double factors[] = { 0.9, 0.6, 1.7, 1, 1.3, 0.8 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 6; i++)
		f->core_w[i] = CORE_W * factors[i];
	set_domains(f, 1, 5);
	run(f, 150);
	assert_true(error_of(f, 0) < 0.03 && error_of(f, 1) < 0.03);
	/* Another program: found again. */
	f->core_w[2] = CORE_W * 0.7;
	run(f, 300);
	assert_true(error_of(f, 0) < 0.03 && error_of(f, 1) < 0.03);
}

static void test_wake(void **state)
{
	struct fixture *f = *state;

	f->wake_w = 2 * CORE_W;
	set_domains(f, 1, 4);
	run(f, 200);
	use(f, 0, 0, 0);
	use(f, 1, 0, 0.05);
	use(f, 2, 0, 4);
	use(f, 3, 0, 0);
	use(f, 4, 0, 0);
	step(f);
	/* 0.05 of 4.05 cores, and of what it takes to be awake more than in proportion.
	 */
	assert_true(share_of(f, 1, 0) > 1.2 * 0.05 / 4.05);
	assert_true(share_of(f, 1, 0) < 3 * 0.05 / 4.05);
}

static void test_equal_activity(void **state)
{
	struct fixture *f = *state;

	set_domains(f, 1, 9);
	run(f, 60);
	for (int t = 0; t < 20; t++) {
		run(f, 1);
		assert_true(error_of(f, 0) < 0.01);
	}
}

/* Loads that never change say nothing of who takes what: all stay alike. */
static void test_frozen(void **state)
{
	static const double cores[] = { 0.1, 0.5, 1, 1.5, 2 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++)
		f->core_w[i] = CORE_W * (0.6 + 0.2 * (double)i);
	set_domains(f, 1, 4);
	for (int t = 0; t < 500; t++) {
		for (size_t i = 0; i < 5; i++)
			for (size_t p = 0; p < PACKAGES; p++)
				use(f, i, p, cores[i]);
		step(f);
	}
	for (size_t i = 1; i < 5; i++) {
		double each = share_of(f, i, 0) / cores[i];
		double first = share_of(f, 1, 0) / cores[1];

		assert_true(each > 0.6 * first && each < 1.7 * first);
	}
}

/* However strange the truth, factors stay within 0.5 and 2. */
static void test_clamped(void **state)
{
	struct fixture *f = *state;

	f->core_w[1] = 50 * CORE_W;
	f->core_w[2] = 0;
	set_domains(f, 1, 8);
	run(f, 300);
	for (size_t i = 0; i < 9; i++)
		use(f, i, 0, 0.8);
	step(f);
	assert_true(share_of(f, 1, 0) < 4.1 * share_of(f, 2, 0));
	assert_true(share_of(f, 2, 0) > 0);
}

static void test_null_player(void **state)
{
	struct fixture *f = *state;

	f->wake_w = CORE_W;
	set_domains(f, 1, 4);
	run(f, 50);
	use(f, 0, 0, 0);
	use(f, 3, 0, 0);
	step(f);
	assert_int_equal(coefficients_weight(f->coefficients, 0, 0), 0);
	assert_int_equal(coefficients_weight(f->coefficients, 3, 0), 0);
	assert_true(coefficients_weight(f->coefficients, 3, 1) > 0);
	for (size_t i = 0; i < 5; i++)
		use(f, i, 0, 0);
	step(f);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(coefficients_weight(f->coefficients, i, 0), 0);
}

/* A domain that was never seen is at the mean; one that is back is where it was. */
static void test_churn(void **state)
{
	struct fixture *f = *state;
	double before, back;

	f->core_w[1] = CORE_W * 1.8;
	set_domains(f, 1, 6);
	run(f, 200);
	for (size_t i = 0; i < 7; i++)
		use(f, i, 0, 0.5);
	step(f);
	before = share_of(f, 1, 0);
	f->core_w[1] = CORE_W;
	set_domains(f, 2, 5);
	run(f, 5);
	f->core_w[1] = CORE_W * 1.8;
	set_domains(f, 1, 6);
	for (size_t i = 0; i < 7; i++)
		use(f, i, 0, 0.5);
	step(f);
	back = share_of(f, 1, 0);
	assert_true(fabs(back - before) < 0.1 * before);
	assert_true(back > 1.3 * share_of(f, 3, 0));
}

static void test_more_than_seats(void **state)
{
	struct fixture *f = *state;

	set_domains(f, 1, DOMAINS_MAX);
	run(f, 50);
	for (size_t i = 0; i <= DOMAINS_MAX; i++)
		for (size_t p = 0; p < PACKAGES; p++)
			assert_true(coefficients_weight(f->coefficients, i, p) > 0);
	assert_true(error_of(f, 0) < 0.03);
}

static void test_not_accepted(void **state)
{
	struct fixture *f = *state, *g;
	void *other;

	assert_int_equal(setup(&other), 0);
	g = other;
	set_domains(f, 1, 4);
	set_domains(g, 1, 4);
	f->core_w[2] = g->core_w[2] = 2 * CORE_W;
	for (int t = 0; t < 50; t++) {
		run(f, 1);
		/* Of what is not accepted nothing stays. */
		g->random = f->random;
		memcpy(g->cells, f->cells, sizeof(f->cells));
		memcpy(g->usage.host, f->usage.host, sizeof(f->usage.host));
		for (size_t p = 0; p < PACKAGES; p++)
			g->tick.packages[p].dynamic_uj = 123456789;
		g->tick.sample = &g->sample;
		g->tick.usage = &g->usage;
		g->tick.weight = &g->weight;
		g->tick.dt_ns = NSEC_PER_SEC;
		coefficients_step(g->coefficients, &g->tick);
		step(g);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(coefficients_weight(f->coefficients, i, 0),
				coefficients_weight(g->coefficients, i, 0));
	}
	assert_int_equal(teardown(&other), 0);
}

/*
 * Idle power that is found to be more was wake power before: players that were busy
 * for as long as each other lose as much of it, whatever the rest of theirs costs.
 */
static void test_idle_follows(void **state)
{
	struct fixture *f = *state;
	double before[5];

	f->core_w[1] = CORE_W * 1.7;
	f->core_w[2] = CORE_W * 0.6;
	f->wake_w = 3 * CORE_W;
	set_domains(f, 1, 4);
	run(f, 200);
	for (size_t i = 0; i < 5; i++)
		for (size_t p = 0; p < PACKAGES; p++)
			use(f, i, p, 1.2);
	step(f);
	for (size_t i = 0; i < 5; i++)
		before[i] = share_of(f, i, 0) * (double)f->tick.packages[0].dynamic_uj;
	for (size_t p = 0; p < PACKAGES; p++) {
		f->tick.packages[p].dynamic_uj -= (uint64_t)(2 * CORE_W * 1e6);
		f->tick.packages[p].idle_uw += (uint64_t)(2 * CORE_W * 1e6);
	}
	coefficients_step(f->coefficients, &f->tick);
	for (size_t i = 0; i < 5; i++) {
		double now = share_of(f, i, 0) * (double)f->tick.packages[0].dynamic_uj;
		double lost_w = (before[i] - now) / 1e6;

		assert_true(fabs(lost_w - 2 * CORE_W / 5) < 0.1 * CORE_W / 5);
	}
}

static void test_restart(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[COEFFICIENTS_BYTES_MAX], again[COEFFICIENTS_BYTES_MAX];
	struct coefficients *other;
	size_t size;

	assert_int_equal(coefficients_encode(f->coefficients, bytes), 0);
	f->core_w[1] = CORE_W * 1.7;
	f->core_w[2] = CORE_W * 0.6;
	f->wake_w = CORE_W;
	set_domains(f, 1, 6);
	run(f, 200);
	size = coefficients_encode(f->coefficients, bytes);
	assert_true(size > 0);
	assert_int_equal(coefficients_new(&other), 0);
	assert_int_equal(coefficients_decode(other, bytes, size), 0);
	assert_int_equal(coefficients_encode(other, again), size);
	assert_memory_equal(bytes, again, size);
	coefficients_free(f->coefficients);
	f->coefficients = other;
	set_domains(f, 1, 6);
	f->wake_w = 0;
	for (size_t i = 0; i < 7; i++)
		use(f, i, 0, 0.5);
	step(f);
	assert_true(share_of(f, 1, 0) > 1.7 * share_of(f, 2, 0));
}

static void test_garbage(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[COEFFICIENTS_BYTES_MAX], broken[COEFFICIENTS_BYTES_MAX];
	struct coefficients *other;
	size_t size;

	set_domains(f, 1, 6);
	run(f, 20);
	size = coefficients_encode(f->coefficients, bytes);
	assert_int_equal(coefficients_new(&other), 0);
	for (size_t n = 0; n < size; n += 61)
		assert_int_equal(coefficients_decode(other, bytes, n), -EBADMSG);
	for (size_t at = 0; at < size; at += 7) {
		memcpy(broken, bytes, size);
		broken[at] ^= 0x40;
		assert_int_equal(coefficients_decode(other, broken, size), -EBADMSG);
	}
	for (size_t i = 0; i < size; i++)
		broken[i] = (uint8_t)random_u64(&f->random);
	assert_int_equal(coefficients_decode(other, broken, size), -EBADMSG);
	memcpy(broken, bytes, 8);
	assert_int_equal(coefficients_decode(other, broken, size), -EBADMSG);
	/* It is as if nobody had tried. */
	assert_int_equal(coefficients_encode(other, broken), 0);
	coefficients_free(other);
}

static uint64_t strange(struct fixture *f)
{
	static const uint64_t numbers[] = { 0, 1, 1000, 1000000000,
		UINT64_C(1000000000000), UINT64_MAX / 2, UINT64_MAX };

	return numbers[random_below(&f->random, sizeof(numbers) / sizeof(numbers[0]))];
}

/* Whatever it is told, weights are weights, and what comes after is learned. */
static void test_anything(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 2000; round++) {
		size_t n = random_below(&f->random, 6);

		set_domains(f, (uint32_t)random_below(&f->random, 60), n);
		for (size_t p = 0; p < PACKAGES; p++) {
			for (size_t i = 0; i <= n; i++) {
				struct usage_cell *own = cell(f, i, p);

				use(f, i, p, uniform(f, 0, 4));
				if (random_one_in(&f->random, 4))
					own->cpu_ns = strange(f);
				if (random_one_in(&f->random, 4))
					own->weight = strange(f);
				if (random_one_in(&f->random, 4))
					own->core_weight = strange(f);
				if (random_one_in(&f->random, 4))
					own->apart_weight = strange(f);
				own->moved_ns = random_below(&f->random, 2) * own->cpu_ns;
			}
			f->tick.packages[p] = (struct coefficients_package){
				.measured = random_one_in(&f->random, 2),
				.dynamic_uj = strange(f),
				.idle_uw = strange(f),
			};
			f->usage.loads.busy_ns[p] = strange(f);
			f->usage.loads.khz[p] = random_one_in(&f->random, 2)
							? 0
							: uniform(f, 1e4, 2e7);
		}
		f->tick.sample = &f->sample;
		f->tick.usage = &f->usage;
		f->tick.weight = &f->weight;
		f->tick.dt_ns = strange(f);
		coefficients_step(f->coefficients, &f->tick);
		coefficients_accept(f->coefficients);
		for (size_t p = 0; p < PACKAGES; p++)
			for (size_t i = 0; i <= n; i++)
				if (cell(f, i, p)->cpu_ns == 0 &&
					cell(f, i, p)->weight == 0)
					assert_int_equal(coefficients_weight(
								 f->coefficients, i, p),
						0);
	}
	f->usage.loads.khz[0] = f->usage.loads.khz[1] = 0;
	f->core_w[1] = 1.8 * CORE_W;
	set_domains(f, 100, 5);
	run(f, 600);
	assert_true(error_of(f, 0) < 0.1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_known),
		TEST(test_recovery),
		TEST(test_wake),
		TEST(test_equal_activity),
		TEST(test_frozen),
		TEST(test_clamped),
		TEST(test_null_player),
		TEST(test_churn),
		TEST(test_more_than_seats),
		TEST(test_not_accepted),
		TEST(test_idle_follows),
		TEST(test_restart),
		TEST(test_garbage),
		TEST(test_anything),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
