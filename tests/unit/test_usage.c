/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who used the CPUs: threads matched, moved, new, ended; the host's rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/usage.h"
#include "tests/unit/scene.h"

#define MS UINT64_C(1000000)
/* Weight of a millisecond. */
#define W (16 * MS)

static const struct weight_model model = { .smt_gain = 0.2, .frequency_exponent = 2 };

struct fixture {
	struct scene scene;
	struct sample previous, now;
	struct usage usage;
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
	usage_deinit(&f->usage);
	return 0;
}

static void compute(struct fixture *f, bool remapped)
{
	assert_int_equal(usage_reserve(&f->usage, &f->scene.machine, &f->now), 0);
	usage_compute(
		&f->usage, &f->scene.machine, &model, &f->previous, &f->now, remapped);
}

static void check_weights(
	const struct fixture *f, size_t domain, uint64_t on_0, uint64_t on_1)
{
	assert_int_equal(usage_cell(&f->usage, domain, 0)->weight, on_0);
	assert_int_equal(usage_cell(&f->usage, domain, 1)->weight, on_1);
}

static void test_matched(void **state)
{
	struct fixture *f = *state;

	scene_add_domain(&f->previous, 1, 3);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 1, 500 * MS, 8);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 2, 900 * MS, 0);
	scene_add_thread(&f->previous, SAMPLE_THREAD_EMULATOR, 0, 7 * MS, 1);
	scene_add_domain(&f->now, 1, 3);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 300 * MS, 3);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 1, 500 * MS, 8);
	/* Changed package: half and half. */
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 2, 1000 * MS, 9);
	/* A clock that goes back counts nothing. */
	scene_add_thread(&f->now, SAMPLE_THREAD_EMULATOR, 0, 6 * MS, 1);
	f->now.cpus[3].busy_ns = 700 * MS;
	f->now.cpus[9].busy_ns = 49 * MS;
	compute(f, false);
	check_weights(f, 0, 250 * W, 50 * W);
	assert_int_equal(usage_cpu_ns(&f->usage, 0), 300 * MS);
	assert_int_equal(f->usage.threads[2].cpu_ns, 100 * MS);
	assert_int_equal(f->usage.threads[3].cpu_ns, 0);
	assert_int_equal(f->usage.threads[2].weight[0], 50 * W);
	assert_int_equal(f->usage.threads[2].package[0], 1);
	assert_int_equal(f->usage.threads[2].weight[1], 50 * W);
	assert_int_equal(f->usage.threads[2].package[1], 0);
	/* The host has what is left; it may be nothing. */
	assert_int_equal(f->usage.host[0].weight, 450 * W);
	assert_int_equal(f->usage.host[0].cpu_ns, 450 * MS);
	assert_int_equal(f->usage.host[1].weight, 0);
	assert_int_equal(usage_cell(&f->usage, 0, 1)->cpu_ns, 50 * MS);
	/* vCPUs are where they were last. */
	assert_int_equal(usage_cell(&f->usage, 0, 0)->n_vcpus, 1);
	assert_int_equal(usage_cell(&f->usage, 0, 1)->n_vcpus, 2);
	assert_int_equal(f->usage.n_vcpus[1], 2);
	assert_false(f->usage.domain_ended);
}

static void test_new_threads(void **state)
{
	struct fixture *f = *state;

	scene_add_domain(&f->previous, 1, 1);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0);
	scene_add_thread(&f->previous, SAMPLE_THREAD_EMULATOR, 0, 800 * MS, 0);
	scene_add_domain(&f->now, 1, 1);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0);
	/* The same tid, another thread: all of its time is new. */
	scene_add_thread(&f->now, SAMPLE_THREAD_EMULATOR, 0, 900 * MS, 0)->start_ticks =
		10050;
	f->now.domains[0].exited_ns = 800 * MS;
	/* The same tid once more: counts once. */
	*sample_add_thread(&f->now) = f->now.threads[1];
	f->now.domains[0].n_threads++;
	scene_add_thread(&f->now, SAMPLE_THREAD_IOTHREAD, 1, 30 * MS, 8)->start_ticks =
		10000;
	/* Cannot have run for longer than the tick. */
	scene_add_thread(&f->now, SAMPLE_THREAD_VHOST, 0, 5000 * MS, 8)->start_ticks =
		10000;
	compute(f, false);
	check_weights(f, 0, 900 * W, 1030 * W);
}

/*
 * A thread that ran before the previous sample and was not in it, a vhost worker or a
 * helper: what it may have used before then is not of this tick.
 */
static void test_found_late(void **state)
{
	static const struct {
		uint64_t start_ticks, cpu_ms, counted_ms;
	} cases[] = {
		{ 1, 3600, 0 },	    /* all its life is phantom time */
		{ 1, 99990, 10 },   /* busy for all its life: also in this tick */
		{ 9979, 300, 100 }, /* 200 ms before the previous sample */
		{ 9979, 150, 0 },   /* it may have been just these */
		{ 9999, 300, 300 }, /* at the previous sample, at 100 s */
		{ 10050, 300, 300 },
		{ UINT64_MAX, 300, 300 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scene_begin(&f->scene, &f->previous, 100 * SCENE_SECOND_NS);
		scene_add_domain(&f->previous, 1, 1);
		scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0);
		scene_begin(&f->scene, &f->now, 101 * SCENE_SECOND_NS);
		scene_add_domain(&f->now, 1, 1);
		scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0);
		scene_add_thread(&f->now, SAMPLE_THREAD_VHOST, 0, cases[i].cpu_ms * MS, 8)
			->start_ticks = cases[i].start_ticks;
		compute(f, false);
		check_weights(f, 0, 0, cases[i].counted_ms * W);
		/* From then on it counts like any other. */
		assert_int_equal(sample_copy(&f->previous, &f->now), 0);
		f->now.boottime_ns += SCENE_SECOND_NS;
		f->now.threads[1].cpu_ns += 30 * MS;
		compute(f, false);
		check_weights(f, 0, 0, 30 * W);
	}
}

static void test_domains_come_and_go(void **state)
{
	static const struct {
		uint64_t start_ticks;
		uint64_t weight;
	} cases[] = {
		{ 50, 0 }, /* ran long before it was seen: a baseline */
		{ 9998, 0 },
		{ 10000, 40 * W }, /* began after the previous sample, at 100 s */
		{ 10050, 40 * W },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sample_clear(&f->previous);
		scene_begin_second(&f->scene, &f->previous, &f->now);
		scene_add_domain(&f->now, 1, 1)->start_ticks = cases[i].start_ticks;
		scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 25 * MS, 0);
		f->now.domains[0].exited_ns = 15 * MS;
		compute(f, false);
		check_weights(f, 0, cases[i].weight, 0);
		assert_false(f->usage.domain_ended);
		/* It has its vCPUs in any case. */
		assert_int_equal(usage_cell(&f->usage, 0, 0)->n_vcpus, 1);
	}
	scene_begin(&f->scene, &f->previous, 101 * SCENE_SECOND_NS);
	scene_add_domain(&f->previous, 1, 1);
	scene_begin(&f->scene, &f->now, 102 * SCENE_SECOND_NS);
	compute(f, false);
	assert_true(f->usage.domain_ended);
}

/* A domain that was started again is another process, whatever its pid. */
static void test_restarted(void **state)
{
	struct fixture *f = *state;

	scene_add_domain(&f->previous, 1, 1);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 20 * MS, 0);
	f->previous.domains[0].exited_ns = 3 * MS;
	scene_add_domain(&f->now, 1, 1)->start_ticks = 10020;
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 25 * MS, 0);
	f->now.domains[0].exited_ns = 5 * MS;
	compute(f, false);
	check_weights(f, 0, 30 * W, 0);
	assert_true(f->usage.domain_ended);
}

static void test_ended_threads(void **state)
{
	struct fixture *f = *state;

	scene_add_domain(&f->previous, 1, 2);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 0, 0);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 1, 0, 8);
	/* Two end, and did 40 ms more than was seen of them until now. */
	scene_add_thread(&f->previous, SAMPLE_THREAD_EMULATOR, 0, 500 * MS, 0);
	scene_add_thread(&f->previous, SAMPLE_THREAD_EMULATOR, 0, 100 * MS, 0);
	f->previous.domains[0].exited_ns = 1000 * MS;
	scene_add_domain(&f->previous, 2, 1);
	scene_add_thread(&f->previous, SAMPLE_THREAD_EMULATOR, 0, 0, 0);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 0, 9);
	scene_add_domain(&f->previous, 3, 1);
	scene_add_domain(&f->now, 1, 2)->exited_ns = 1640 * MS;
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 300 * MS, 0);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 1, 100 * MS, 8);
	/* The second one's tid is another thread's now. */
	scene_add_thread(&f->now, SAMPLE_THREAD_EMULATOR, 0, 0, 8)->tid++;
	f->now.threads[2].start_ticks = 10000;
	scene_add_domain(&f->now, 2, 1)->exited_ns = 6 * MS;
	scene_add_thread(&f->now, SAMPLE_THREAD_EMULATOR, 0, 0, 0);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 0, 9);
	scene_add_domain(&f->now, 3, 1)->exited_ns = 5 * MS;
	compute(f, false);
	/* Where its other threads were. */
	check_weights(f, 0, 330 * W, 110 * W);
	assert_int_equal(usage_cpu_ns(&f->usage, 0), 440 * MS);
	/* Nothing else ran: where its first vCPU is. */
	check_weights(f, 1, 0, 6 * W);
	/* No threads at all. */
	check_weights(f, 2, 5 * W, 0);
}

/* One thread for all vCPUs (TCG), or none that can be read. */
static void test_vcpus_without_threads(void **state)
{
	struct fixture *f = *state;

	scene_add_domain(&f->now, 1, 4);
	scene_add_thread(&f->now, SAMPLE_THREAD_EMULATOR, 0, 0, 0);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 0, 8);
	scene_add_domain(&f->now, 2, 3);
	compute(f, false);
	assert_int_equal(usage_cell(&f->usage, 0, 0)->n_vcpus, 0);
	assert_int_equal(usage_cell(&f->usage, 0, 1)->n_vcpus, 4);
	assert_int_equal(usage_cell(&f->usage, 1, 0)->n_vcpus, 3);
}

static void test_cpus_come_and_go(void **state)
{
	struct fixture *f = *state;

	scene_add_domain(&f->previous, 1, 3);
	scene_add_domain(&f->now, 1, 3);
	for (uint16_t i = 0; i < 3; i++)
		scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, i, 0, 9);
	/* On a CPU that is offline by now, on one that never was: the other end counts.
	 */
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 10 * MS, 2);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 1, 10 * MS, 99);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 2, 10 * MS, 3);
	f->previous.threads[2].last_cpu = 99;
	f->scene.cpus[2].online = false;
	/* CPU 4 comes back with what it counted before. */
	f->now.cpus[4].busy_ns = 3600 * SCENE_SECOND_NS;
	f->now.cpus[5].busy_ns = 500 * MS;
	f->previous.cpus[6].busy_ns = 500 * MS;
	compute(f, true);
	check_weights(f, 0, 10 * W, 20 * W);
	assert_int_equal(f->usage.loads.busy_ns[0], 500 * MS);
	/* Without that reason, a CPU was busy all the time at most. */
	compute(f, false);
	assert_int_equal(f->usage.loads.busy_ns[0], 500 * MS + 1020 * MS);
}

/* CPUs 0 and 4 share a core, 1 and 5 another; 2 and 3 run at twice 0's frequency. */
static void shape(struct fixture *f)
{
	f->scene.cpus[4].core = 0;
	f->scene.cpus[5].core = 1;
	for (uint16_t i = 0; i < 6; i++)
		f->now.cpus[i].khz = i == 2 || i == 3 ? 4000000 : 2000000;
	/* The mean of busy time: 2.4 GHz. */
	f->now.cpus[0].busy_ns = 1000 * MS;
	f->now.cpus[1].busy_ns = 1000 * MS;
	f->now.cpus[2].busy_ns = 500 * MS;
	f->now.cpus[3].busy_ns = 250 * MS;
	f->now.cpus[4].busy_ns = 1000 * MS;
}

static void check_ratio(uint64_t a, uint64_t b, double ratio)
{
	assert_true((double)a > (double)b * ratio * (1 - 1e-6) &&
		    (double)a < (double)b * ratio * (1 + 1e-6));
}

static void test_factors(void **state)
{
	struct fixture *f = *state;
	const struct usage_thread *threads;
	uint64_t slow;

	shape(f);
	scene_add_domain(&f->previous, 1, 4);
	scene_add_domain(&f->now, 1, 4);
	for (uint16_t i = 0; i < 5; i++)
		scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, i, 0, i == 4 ? 1 : i);
	for (uint16_t i = 0; i < 5; i++)
		scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, i, 100 * MS, i % 4);
	/* What was left by threads that ended. */
	f->now.domains[0].exited_ns = 50 * MS;
	compute(f, false);
	threads = f->usage.threads;
	/* CPU 1's sibling was idle: its own clock alone. */
	slow = threads[1].weight[0];
	check_ratio(slow, 100 * W, 25.0 / 36);
	/* CPU 0's was busy all the time. */
	check_ratio(threads[0].weight[0], slow, 0.6);
	check_ratio(threads[2].weight[0], slow, 4);
	/* From CPU 1 to CPU 0, within the package: half of either. */
	check_ratio(threads[4].weight[0], slow, 0.3);
	check_ratio(threads[4].weight[1], slow, 0.5);
	assert_int_equal(threads[4].package[0] + threads[4].package[1], 0);
	check_ratio(usage_cell(&f->usage, 0, 0)->weight, slow,
		(0.6 + 1 + 4 + 4 + 0.8) * 5.5 / 5);
	assert_int_equal(usage_cell(&f->usage, 0, 0)->cpu_ns, 550 * MS);
}

/* The host's time weighs what it does where it was left over. */
static void test_host_factor(void **state)
{
	struct fixture *f = *state;
	uint64_t slow = (uint64_t)(100 * W * (25.0 / 36));

	shape(f);
	scene_add_domain(&f->previous, 1, 4);
	scene_add_domain(&f->now, 1, 4);
	for (uint16_t i = 0; i < 5; i++) {
		uint64_t ns = f->now.cpus[i].busy_ns - (i == 2 ? 400 * MS : 0);

		scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, i, 0, i);
		scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, i, ns, i);
	}
	compute(f, false);
	assert_int_equal(f->usage.host[0].cpu_ns, 400 * MS);
	check_ratio(f->usage.host[0].weight, slow, 16);
	/* A thread that was elsewhere than it was seen takes no time of the host's. */
	f->now.threads[3].last_cpu = f->previous.threads[3].last_cpu = 1;
	compute(f, false);
	assert_int_equal(f->usage.host[0].cpu_ns, 400 * MS);
	check_ratio(f->usage.host[0].weight, slow, 16);
	/* More than all CPUs were busy: nothing is left. */
	f->now.threads[3].cpu_ns += 500 * MS;
	compute(f, false);
	assert_int_equal(f->usage.host[0].cpu_ns, 0);
	assert_int_equal(f->usage.host[0].weight, 0);
	/* No domain at all: it had all CPUs. */
	f->now.n_domains = 0;
	compute(f, false);
	check_ratio(f->usage.host[0].weight, slow, 6 + 10 + 20 + 10 + 6);
}

static void test_no_packages(void **state)
{
	struct fixture *f = *state;

	f->scene.machine.n_packages = 0;
	scene_add_domain(&f->previous, 1, 1);
	scene_add_thread(&f->previous, SAMPLE_THREAD_VCPU, 0, 0, 9);
	scene_add_domain(&f->now, 1, 1);
	scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, 0, 10 * MS, 9);
	f->now.cpus[9].busy_ns = 30 * MS;
	compute(f, false);
	assert_int_equal(f->usage.n_packages, 1);
	assert_int_equal(usage_cell(&f->usage, 0, 0)->weight, 10 * W);
	assert_int_equal(f->usage.host[0].weight, 20 * W);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_matched),
		TEST(test_new_threads),
		TEST(test_found_late),
		TEST(test_domains_come_and_go),
		TEST(test_restarted),
		TEST(test_ended_threads),
		TEST(test_vcpus_without_threads),
		TEST(test_cpus_come_and_go),
		TEST(test_factors),
		TEST(test_host_factor),
		TEST(test_no_packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
