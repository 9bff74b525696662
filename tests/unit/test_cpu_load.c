/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What each CPU did, and what its time weighs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/cpu_load.h"
#include "tests/unit/scene.h"

#define MS UINT64_C(1000000)

static const struct weight_model model = { .smt_gain = 0.15, .frequency_exponent = 2 };

struct fixture {
	struct scene scene;
	struct sample previous, now;
	struct cpu_loads loads;
};

static int setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	scene_init(&fixture.scene, 2);
	scene_begin_second(&fixture.scene, &fixture.previous, &fixture.now);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sample_deinit(&f->previous);
	sample_deinit(&f->now);
	cpu_loads_deinit(&f->loads);
	return 0;
}

static void compute(struct fixture *f)
{
	assert_int_equal(cpu_loads_reserve(&f->loads, &f->scene.machine), 0);
	cpu_loads_compute(
		&f->loads, &f->scene.machine, &model, &f->previous, &f->now, false);
}

static void check_factor(const struct fixture *f, size_t cpu, double factor)
{
	assert_int_equal(f->loads.cpus[cpu].factor, weight_factor(factor));
}

static void test_siblings(void **state)
{
	struct fixture *f = *state;

	/* Cores of two, of four, of one; the same number in both packages. */
	f->scene.cpus[7].core = 0;
	for (size_t i = 1; i < 5; i++)
		f->scene.cpus[i].core = 300;
	f->scene.cpus[8].core = 300;
	f->scene.cpus[15].core = 300;
	f->now.cpus[0].busy_ns = 400 * MS;
	f->now.cpus[7].busy_ns = 1020 * MS; /* as /proc/stat may have it */
	f->now.cpus[1].busy_ns = 1000 * MS;
	f->now.cpus[2].busy_ns = 500 * MS;
	f->now.cpus[3].busy_ns = 500 * MS;
	f->now.cpus[8].busy_ns = 200 * MS;
	compute(f);
	check_factor(f, 0, 0.575);
	check_factor(f, 7, 1 - 0.4 * 0.85 / 2);
	check_factor(f, 5, 1);
	check_factor(f, 4, 0.15 + 0.85 * (0.25 / 2 + 0.5 / 3 + 0.25 / 4));
	check_factor(f, 1, 0.15 + 0.85 * (0.25 + 0.5 / 2 + 0.25 / 3));
	check_factor(f, 15, 1 - 0.2 * 0.85 / 2);
	check_factor(f, 8, 1);
	assert_int_equal(f->loads.busy_ns[0], 3420 * MS);
	assert_int_equal(f->loads.busy_ns[1], 200 * MS);
	/* An offline one is nobody's sibling, nor is one of another machine. */
	f->scene.cpus[7].online = false;
	f->scene.machine.generation++;
	compute(f);
	check_factor(f, 0, 1);
	assert_int_equal(f->loads.cpus[7].package, CPU_LOAD_NO_PACKAGE);
	/* No time at all: who ran, ran all of it. */
	f->now.boottime_ns = f->previous.boottime_ns;
	f->now.cpus[2].busy_ns = 0;
	compute(f);
	check_factor(f, 4, 0.15 + 0.85 / 3);
}

/* The ninth hardware thread of a core does not count, nor harm. */
static void test_many_siblings(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < SCENE_CPUS; i++) {
		f->scene.cpus[i].package = 0;
		f->scene.cpus[i].core = 0;
		f->now.cpus[i].busy_ns = 1000 * MS;
	}
	compute(f);
	for (size_t i = 0; i < SCENE_CPUS; i++)
		check_factor(f, i, 0.15 + 0.85 / 8);
}

static void test_frequencies(void **state)
{
	struct fixture *f = *state;

	f->now.cpus[0] = (struct sample_cpu){ 900 * MS, 3000000 };
	f->now.cpus[1] = (struct sample_cpu){ 300 * MS, 1000000 };
	/* Idle, at its own: no part in the mean. */
	f->now.cpus[2] = (struct sample_cpu){ 0, 800000 };
	f->now.cpus[3] = (struct sample_cpu){ 40 * MS, 0 };
	f->now.cpus[4] = (struct sample_cpu){ 40 * MS, UINT32_MAX };
	f->now.cpus[8] = (struct sample_cpu){ 100 * MS, 0 };
	compute(f);
	assert_true(f->loads.khz[0] > 2499999 && f->loads.khz[0] < 2500001);
	assert_int_equal(f->loads.cpus[0].factor >> 8, weight_factor(1.44) >> 8);
	assert_int_equal(f->loads.cpus[1].factor >> 8, weight_factor(0.16) >> 8);
	check_factor(f, 3, 1);
	check_factor(f, 4, 1);
	/* The mean of what the package's time weighs. */
	assert_int_equal(f->loads.factor[0] >> 8,
		weight_factor((0.9 * 1.44 + 0.3 * 0.16 + 0.08) / 1.28) >> 8);
	/* None is known: as if there were no such thing. */
	assert_true(f->loads.khz[1] == 0);
	check_factor(f, 8, 1);
	assert_int_equal(f->loads.factor[1], WEIGHT_FACTOR_ONE);
	/* Known of CPUs that did not run. */
	f->now.cpus[9].khz = 1500000;
	f->now.cpus[10].khz = 2500000;
	compute(f);
	assert_true(f->loads.khz[1] == 2000000);
	check_factor(f, 8, 1);
	check_factor(f, 9, 0.5625);
}

/* A sample may have fewer CPUs than the machine, or more. */
static void test_cpus_missing(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < SCENE_CPUS; i++)
		f->now.cpus[i].busy_ns = 100 * MS;
	f->previous.n_cpus = 4;
	compute(f);
	assert_int_equal(f->loads.busy_ns[0], 400 * MS);
	assert_int_equal(f->loads.cpus[5].busy_ns, 0);
	f->now.n_cpus = 3;
	compute(f);
	assert_int_equal(f->loads.busy_ns[0], 300 * MS);
	f->previous.n_cpus = f->now.n_cpus = SCENE_CPUS;
	f->scene.machine.n_cpus = 2;
	compute(f);
	assert_int_equal(f->loads.busy_ns[0], 200 * MS);
	f->scene.machine.n_cpus = 0;
	compute(f);
	assert_int_equal(f->loads.busy_ns[0], 0);
	assert_int_equal(f->loads.factor[0], WEIGHT_FACTOR_ONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_siblings),
		TEST(test_many_siblings),
		TEST(test_frequencies),
		TEST(test_cpus_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
