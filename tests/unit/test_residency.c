/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who is read, when, and what a tick is told meanwhile. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/residency.h"
#include "shared/clock.h"
#include "tests/unit/scene.h"
#include "tests/unit/scratch.h"

#define MINUTE_NS RESIDENCY_REFRESH_NS

struct fixture {
	struct scratch scratch;
	struct scene scene;
	struct sample sample;
	struct residency *residency;
};

static int setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	scratch_init(&fixture.scratch);
	scene_init(&fixture.scene, 1);
	*state = &fixture;
	return residency_new(fixture.scratch.path, &fixture.residency);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	residency_free(f->residency);
	sample_deinit(&f->sample);
	scratch_deinit(&f->scratch);
	return 0;
}

/* The process of domain n is 1000 n, and has this much memory. */
static void write_process(const struct fixture *f, uint32_t number, unsigned rss_kib)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "%u/status", 1000 * number);
	snprintf(text, sizeof(text), "VmRSS:\t%u kB\n", rss_kib);
	scratch_write(&f->scratch, path, text);
	snprintf(path, sizeof(path), "%u/stat", 1000 * number);
	snprintf(text, sizeof(text),
		"%u (qemu) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 17 3 0 0\n",
		1000 * number);
	scratch_write(&f->scratch, path, text);
}

static void begin(struct fixture *f, uint32_t first, uint32_t n)
{
	scene_begin(&f->scene, &f->sample, SCENE_SECOND_NS);
	for (uint32_t i = 0; i < n; i++)
		scene_add_domain(&f->sample, first + i, 1);
	assert_int_equal(residency_fill(f->residency, &f->scene.machine, &f->sample), 0);
}

static void check(const struct fixture *f, size_t domain, uint64_t kib)
{
	assert_int_equal(*sample_resident_kib(&f->sample, domain, 0), kib);
}

static void test_refresh(void **state)
{
	struct fixture *f = *state;

	write_process(f, 1, 100);
	write_process(f, 2, 200);
	begin(f, 1, 2);
	assert_int_equal(f->sample.n_nodes, 1);
	check(f, 0, 0);
	/* New ones at once. */
	residency_poll(f->residency, MINUTE_NS);
	begin(f, 1, 2);
	check(f, 0, 100);
	check(f, 1, 200);
	/* Not again before their time, and then one in a round. */
	write_process(f, 1, 111);
	write_process(f, 2, 222);
	residency_poll(f->residency, 2 * MINUTE_NS - 1);
	begin(f, 1, 2);
	check(f, 0, 100);
	check(f, 1, 200);
	residency_poll(f->residency, 2 * MINUTE_NS);
	begin(f, 1, 2);
	check(f, 0, 111);
	check(f, 1, 200);
	residency_poll(f->residency, 2 * MINUTE_NS + 1);
	begin(f, 1, 2);
	check(f, 1, 222);
}

static void test_come_and_go(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 1; i <= 4; i++)
		write_process(f, i, 100 * i);
	begin(f, 1, 3);
	for (int i = 0; i < 3; i++)
		residency_poll(f->residency, MINUTE_NS);
	/* The first one went, another came. */
	begin(f, 2, 3);
	check(f, 0, 200);
	check(f, 1, 300);
	check(f, 2, 0);
	residency_poll(f->residency, MINUTE_NS + 1);
	begin(f, 2, 3);
	check(f, 2, 400);
	/* None is left, all are back: nothing is known any more. */
	begin(f, 1, 0);
	residency_poll(f->residency, MINUTE_NS + 2);
	assert_int_equal(f->sample.n_nodes, 0);
	begin(f, 2, 3);
	check(f, 0, 0);
	/* The same domain, another process; its pid's was not read. */
	residency_poll(f->residency, MINUTE_NS + 3);
	begin(f, 2, 3);
	check(f, 0, 200);
	f->sample.domains[0].start_ticks = 99;
	assert_int_equal(residency_fill(f->residency, &f->scene.machine, &f->sample), 0);
	check(f, 0, 0);
	residency_poll(f->residency, MINUTE_NS + 4);
	assert_int_equal(residency_fill(f->residency, &f->scene.machine, &f->sample), 0);
	check(f, 0, 0);
}

/* Of one node it is known where memory is, of two without control groups not. */
static void test_nodes(void **state)
{
	struct fixture *f = *state;
	struct machine *machine = &f->scene.machine;

	write_process(f, 1, 100);
	for (size_t i = 0; i < machine->n_cpus; i++)
		f->scene.cpus[i].node = 2;
	machine->n_nodes = 3;
	begin(f, 1, 1);
	assert_int_equal(f->sample.n_nodes, 3);
	residency_poll(f->residency, MINUTE_NS);
	begin(f, 1, 1);
	assert_int_equal(*sample_resident_kib(&f->sample, 0, 2), 100);
	/* One more has memory, and no CPUs. */
	machine->node_memory_kib[0] = 1000;
	begin(f, 1, 1);
	residency_poll(f->residency, 2 * MINUTE_NS);
	begin(f, 1, 1);
	assert_int_equal(*sample_resident_kib(&f->sample, 0, 2), 0);
	/* There is one less: what was read was of another machine. */
	machine->n_nodes = 2;
	begin(f, 1, 1);
	assert_int_equal(f->sample.n_nodes, 2);
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	size_t known = 0;

	for (uint32_t i = 1; i <= 60; i++)
		write_process(f, i, 5);
	begin(f, 1, 60);
	residency_poll(f->residency, MINUTE_NS);
	begin(f, 1, 60);
	for (uint32_t i = 0; i < 60; i++) {
		check(f, i, 5);
		write_process(f, i + 1, 6);
	}
	residency_poll(f->residency, 2 * MINUTE_NS);
	begin(f, 1, 60);
	for (size_t i = 0; i < 60; i++)
		known += *sample_resident_kib(&f->sample, i, 0) == 6;
	assert_int_equal(known, 3);
}

/* A reading that fails changes nothing, and one of a process that ended does. */
static void test_failure(void **state)
{
	struct fixture *f = *state;

	write_process(f, 1, 100);
	begin(f, 1, 1);
	residency_poll(f->residency, MINUTE_NS);
	scratch_write(&f->scratch, "1000/status", "Name:\tqemu\n");
	residency_poll(f->residency, 2 * MINUTE_NS);
	begin(f, 1, 1);
	check(f, 0, 100);
	scratch_unlink(&f->scratch, "1000/status");
	residency_poll(f->residency, 3 * MINUTE_NS);
	begin(f, 1, 1);
	check(f, 0, 0);
}

/* Where rounds are so slow that all are due again in each, the last has its turn, too. */
static void test_slow(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 1; i <= 60; i++)
		write_process(f, i, 5);
	begin(f, 1, 60);
	for (unsigned round = 1; round <= 20; round++)
		residency_poll(f->residency, round * MINUTE_NS);
	begin(f, 1, 60);
	for (size_t i = 0; i < 60; i++)
		check(f, i, 5);
}

static void test_stuck(void **state)
{
	struct fixture *f = *state;
	uint64_t late_ns = clock_monotonic_ns() + 2 * RESIDENCY_STUCK_NS;
	char path[128];
	int i = 0, fd;

	write_process(f, 1, 100);
	begin(f, 1, 1);
	residency_poll(f->residency, MINUTE_NS);
	assert_int_equal(residency_stuck_pid(f->residency, 10 * MINUTE_NS), 0);
	/* Whoever opens it waits for a writer. */
	write_process(f, 2, 100);
	scratch_unlink(&f->scratch, "2000/status");
	snprintf(path, sizeof(path), "%s/2000/status", f->scratch.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	begin(f, 2, 1);
	assert_int_equal(residency_start(f->residency), 0);
	assert_false(residency_wait(f->residency, 10));
	while (residency_stuck_pid(f->residency, late_ns) == 0 && i++ < 60000)
		usleep(1000);
	assert_int_equal(residency_stuck_pid(f->residency, late_ns), 2000);
	assert_int_equal(residency_stuck_pid(f->residency, clock_monotonic_ns()), 0);
	for (i = 0; (fd = open(path, O_WRONLY | O_NONBLOCK)) < 0 && i < 60000; i++)
		usleep(1000);
	assert_true(fd >= 0);
	close(fd);
	for (i = 0; residency_stuck_pid(f->residency, late_ns) != 0 && i < 60000; i++)
		usleep(1000);
	assert_int_equal(residency_stuck_pid(f->residency, late_ns), 0);
}

static void test_wait(void **state)
{
	struct fixture *f = *state;

	begin(f, 1, 0);
	assert_false(residency_wait(f->residency, 60000)); /* without a thread */
	assert_int_equal(residency_start(f->residency), 0);
	assert_true(residency_wait(f->residency, 60000));
	for (uint32_t i = 1; i <= 60; i++)
		write_process(f, i, i);
	begin(f, 1, 61); /* of which the last one ended */
	assert_true(residency_wait(f->residency, 60000));
	begin(f, 1, 61);
	for (uint32_t i = 0; i < 60; i++)
		check(f, i, i + 1);
	check(f, 60, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refresh),
		TEST(test_come_and_go),
		TEST(test_nodes),
		TEST(test_many),
		TEST(test_failure),
		TEST(test_slow),
		TEST(test_stuck),
		TEST(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
