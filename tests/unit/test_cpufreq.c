/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Frequencies of CPUs: which are read, what is said of them, and the thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/cpufreq.h"
#include "host/poller.h"
#include "tests/unit/scratch.h"

#define MS   UINT64_C(1000000)
#define CPUS 4

struct fixture {
	struct scratch scratch;
	struct cpufreq *cpufreq;
	struct sample_cpu cpus[CPUS];
	struct sample sample;
};

static void write_khz(const struct fixture *f, unsigned cpu, const char *text)
{
	char path[80];

	snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/cpufreq/scaling_cur_freq",
		cpu);
	scratch_write(&f->scratch, path, text);
}

static int setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	scratch_init(&fixture.scratch);
	fixture.sample = (struct sample){
		.boottime_ns = 1000000 * MS,
		.n_cpus = CPUS,
		.cpus = fixture.cpus,
	};
	for (unsigned i = 0; i < CPUS; i++)
		write_khz(&fixture, i, "2000000\n");
	*state = &fixture;
	return cpufreq_new(fixture.scratch.path, &fixture.cpufreq);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cpufreq_free(f->cpufreq);
	scratch_deinit(&f->scratch);
	return 0;
}

/* A second in which the CPUs were busy for so many ms. */
static void fill(struct fixture *f, uint64_t busy_ms_0, uint64_t busy_ms_1)
{
	f->sample.boottime_ns += 1000 * MS;
	f->cpus[0].busy_ns += busy_ms_0 * MS;
	f->cpus[1].busy_ns += busy_ms_1 * MS;
	cpufreq_fill(f->cpufreq, &f->sample);
}

static void test_busy(void **state)
{
	struct fixture *f = *state;

	fill(f, 0, 0);
	fill(f, 51, 50);
	/* Not read yet. */
	assert_int_equal(f->cpus[0].khz, 0);
	cpufreq_poll(f->cpufreq);
	write_khz(f, 0, "3000000\n");
	cpufreq_poll(f->cpufreq);
	fill(f, 51, 1000);
	assert_int_equal(f->cpus[0].khz, 2500000);
	assert_int_equal(f->cpus[1].khz, 0);
	/* No reading since: the last one. */
	fill(f, 51, 1000);
	assert_int_equal(f->cpus[0].khz, 3000000);
	cpufreq_poll(f->cpufreq);
	fill(f, 50, 1000);
	assert_int_equal(f->cpus[0].khz, 0);
	assert_int_equal(f->cpus[1].khz, 2000000);
	/* What was read long ago is not what it does now. */
	fill(f, 1000, 1000);
	assert_int_equal(f->cpus[0].khz, 0);
	assert_int_equal(f->cpus[2].khz + f->cpus[3].khz, 0);
}

static void test_unreadable(void **state)
{
	static const char *const texts[] = { "", "\n", "<unknown>\n", "-1\n",
		"99999999999\n", "12345678901234567890123456789012345\n" };
	struct fixture *f = *state;

	fill(f, 0, 0);
	fill(f, 1000, 1000);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_khz(f, 0, texts[i]);
		cpufreq_poll(f->cpufreq);
		fill(f, 1000, 1000);
		assert_int_equal(f->cpus[0].khz, 0);
		assert_int_equal(f->cpus[1].khz, 2000000);
	}
}

static void test_missing(void **state)
{
	struct fixture *f = *state;

	scratch_unlink(&f->scratch, "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq");
	fill(f, 0, 0);
	fill(f, 1000, 1000);
	cpufreq_poll(f->cpufreq);
	/* It is not tried each time. */
	write_khz(f, 0, "2000000\n");
	cpufreq_poll(f->cpufreq);
	fill(f, 1000, 1000);
	assert_int_equal(f->cpus[0].khz, 0);
	assert_int_equal(f->cpus[1].khz, 2000000);
}

/* CPUs come and go while the thread reads them. */
static void test_thread(void **state)
{
	struct fixture *f = *state;

	fill(f, 0, 0);
	fill(f, 1000, 1000);
	assert_int_equal(cpufreq_start(f->cpufreq), 0);
	for (int i = 0; i < 6000 && f->cpus[1].khz == 0; i++) {
		usleep(10000);
		f->sample.n_cpus = i % 2 ? CPUS : 2;
		fill(f, 1000, 1000);
	}
	assert_int_equal(f->cpus[0].khz, 2000000);
	assert_int_equal(f->cpus[1].khz, 2000000);
}

static void count(void *data)
{
	__atomic_add_fetch((unsigned int *)data, 1, __ATOMIC_RELAXED);
}

/* It begins at once, pauses, and ends in a pause, however long. */
static void test_poller(void **state)
{
	unsigned int calls = 0, n = 0;
	struct poller *poller;

	(void)state;
	assert_int_equal(poller_start("calls", 1, count, &calls, &poller), 0);
	while (__atomic_load_n(&calls, __ATOMIC_RELAXED) < 3)
		usleep(1000);
	assert_true(poller_stop(poller));
	calls = 0;
	assert_int_equal(poller_start("calls", 3600000, count, &calls, &poller), 0);
	for (; n < 60000 && __atomic_load_n(&calls, __ATOMIC_RELAXED) == 0; n++)
		usleep(1000);
	assert_true(poller_stop(poller));
	assert_int_equal(calls, 1);
	assert_true(poller_stop(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_busy),
		TEST(test_unreadable),
		TEST(test_missing),
		TEST(test_thread),
		cmocka_unit_test(test_poller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
