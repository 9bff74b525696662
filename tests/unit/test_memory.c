/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Whose memory a package's dram powers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/memory.h"
#include "tests/unit/scene.h"

#define KIB UINT64_C(1024)

struct fixture {
	struct scene scene;
	struct sample previous, now;
	struct usage usage;
	struct memory memory;
};

/* Node 0 is package 0, nodes 1 and 2 are package 1, node 3 has no CPUs. */
static int setup(void **state)
{
	static struct fixture fixture;
	struct machine *machine = &fixture.scene.machine;

	memset(&fixture, 0, sizeof(fixture));
	scene_init(&fixture.scene, 2);
	for (size_t i = 0; i < SCENE_CPUS; i++)
		fixture.scene.cpus[i].node = i < 8 ? 0 : i < 12 ? 1 : 2;
	machine->n_nodes = 4;
	machine->node_memory_kib[0] = 1000;
	machine->node_memory_kib[1] = 500;
	machine->node_memory_kib[2] = 500;
	machine->node_memory_kib[3] = 5000;
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
	memory_deinit(&f->memory);
	return 0;
}

/* With vCPUs on these CPUs. */
static void add(struct fixture *f, uint32_t number, uint64_t memory_kib,
	const uint16_t *cpus, uint16_t n_vcpus)
{
	scene_add_domain(&f->now, number, n_vcpus)->memory_kib = memory_kib;
	for (uint16_t i = 0; i < n_vcpus; i++)
		scene_add_thread(&f->now, SAMPLE_THREAD_VCPU, i, 0, cpus[i]);
}

static void set_resident(struct fixture *f, size_t domain, const uint64_t kib[4])
{
	for (size_t n = 0; n < f->now.n_nodes; n++)
		*sample_resident_kib(&f->now, domain, n) = kib[n];
}

static void compute(struct fixture *f)
{
	static const struct weight_model model = { 0 };
	const struct machine *machine = &f->scene.machine;

	assert_int_equal(usage_reserve(&f->usage, machine, &f->now), 0);
	usage_compute(&f->usage, machine, &model, &f->previous, &f->now, false);
	assert_int_equal(memory_reserve(&f->memory, machine, &f->now), 0);
	memory_compute(&f->memory, machine, &f->now, &f->usage);
}

static void check(const struct fixture *f, size_t domain, uint64_t kib_0, uint64_t kib_1)
{
	assert_int_equal(memory_bytes(&f->memory, domain, 0), kib_0 * KIB);
	assert_int_equal(memory_bytes(&f->memory, domain, 1), kib_1 * KIB);
}

static void test_resident(void **state)
{
	static const uint16_t cpus[] = { 0, 8, 9, 10 };
	struct fixture *f = *state;

	add(f, 1, 900, cpus, 4);
	add(f, 2, 80, cpus, 4);
	add(f, 3, 900, cpus, 4);
	add(f, 4, 0, cpus, 4);
	assert_int_equal(sample_reserve_nodes(&f->now, 4), 0);
	set_resident(f, 0, (const uint64_t[]){ 100, 20, 30, 1 });
	/* All of it elsewhere, where no dram zone is. */
	set_resident(f, 2, (const uint64_t[]){ 0, 0, 0, 700 });
	compute(f);
	check(f, 0, 100, 50);
	/* Not known: as configured, where the vCPUs are. */
	check(f, 1, 20, 60);
	check(f, 2, 0, 0);
	check(f, 3, 0, 0);
	assert_int_equal(f->memory.host_bytes[0], 880 * KIB);
	assert_int_equal(f->memory.host_bytes[1], 890 * KIB);
	/* More than there is: nothing is left for the host. */
	set_resident(f, 0, (const uint64_t[]){ 1001, 0, 0, 0 });
	compute(f);
	assert_int_equal(f->memory.host_bytes[0], 0);
}

/* Nothing is known of any domain, nor of the nodes. */
static void test_unknown(void **state)
{
	static const uint16_t cpus[] = { 0, 1, 8 };
	struct fixture *f = *state;

	f->scene.machine.n_nodes = 0;
	add(f, 1, 300, cpus, 3);
	add(f, 2, 100, NULL, 0);
	compute(f);
	check(f, 0, 200, 100);
	check(f, 1, 0, 0);
	assert_int_equal(f->memory.host_bytes[0], 0);
	assert_int_equal(f->memory.host_bytes[1], 0);
}

/* A node across sockets, a sample of more nodes than there can be, a CPU offline. */
static void test_odd_nodes(void **state)
{
	static const uint16_t cpus[] = { 0 };
	struct fixture *f = *state;

	for (size_t i = 0; i < SCENE_CPUS; i++)
		f->scene.cpus[i].node = 0;
	f->scene.cpus[15].node = MACHINE_NODES_MAX;
	for (size_t i = 12; i < 15; i++)
		f->scene.cpus[i].online = false;
	add(f, 1, 300, cpus, 1);
	assert_int_equal(sample_reserve_nodes(&f->now, MACHINE_NODES_MAX + 1), 0);
	*sample_resident_kib(&f->now, 0, 0) = 120;
	*sample_resident_kib(&f->now, 0, MACHINE_NODES_MAX) = 7;
	compute(f);
	check(f, 0, 80, 40);
	assert_int_equal(f->memory.host_bytes[0], 1000 * KIB * 2 / 3 - 80 * KIB);
	/* Absurd sizes do not wrap. */
	*sample_resident_kib(&f->now, 0, 0) = UINT64_MAX;
	compute(f);
	assert_true(memory_bytes(&f->memory, 0, 0) > UINT64_MAX / 2);
	assert_int_equal(f->memory.host_bytes[0], 0);
}

static void test_no_packages(void **state)
{
	static const uint16_t cpus[] = { 0, 9 };
	struct fixture *f = *state;

	f->scene.machine.n_packages = 0;
	add(f, 1, 300, cpus, 2);
	compute(f);
	assert_int_equal(memory_bytes(&f->memory, 0, 0), 300 * KIB);
	assert_int_equal(f->memory.host_bytes[0], 1700 * KIB);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resident),
		TEST(test_unknown),
		TEST(test_odd_nodes),
		TEST(test_no_packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
