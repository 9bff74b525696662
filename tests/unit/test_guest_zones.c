/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A guest's zones: layout, and a domain's energy in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/guest_zones.h"
#include "tests/unit/random.h"
#include "tests/unit/scene.h"

#define MS UINT64_C(1000000)

static void test_layout(void **state)
{
	static const struct {
		uint32_t max_vcpus, vcpus_per_socket, n_sockets;
	} cases[] = {
		{ 1, 1, 1 },
		{ 4, 4, 1 },
		{ 4, 2, 2 },
		{ 5, 2, 3 },
		{ 4, 8, 1 },
		/* No topology: a socket each. */
		{ 3, 0, 3 },
		{ 16, 0, 16 },
		/* Over 16 sockets: one package. */
		{ 17, 0, 1 },
		{ 17, 1, 1 },
		{ 33, 2, 1 },
		{ 32, 2, 16 },
		{ 0, 0, 1 },
		{ 0, 4, 1 },
		{ UINT32_MAX, 1, 1 },
	};
	struct scene scene;

	(void)state;
	scene_init(&scene, 2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guest_zones zones;

		guest_zones_init(&zones, &scene.machine, cases[i].max_vcpus,
			cases[i].vcpus_per_socket);
		assert_int_equal(zones.n_sockets, cases[i].n_sockets);
		assert_false(zones.dram);
	}
}

static void test_list(void **state)
{
	struct message_zone list[MESSAGE_ZONES_MAX];
	uint8_t places[MESSAGE_ZONES_MAX];
	struct guest_zones zones;
	struct scene scene;

	(void)state;
	scene_init(&scene, 1);
	guest_zones_init(&zones, &scene.machine, 3, 0);
	assert_int_equal(guest_zones_list(&zones, list, places), 3);
	for (size_t s = 0; s < 3; s++)
		assert_int_equal(places[s], 2 * s);
	assert_string_equal(list[2].name, "package-2");
	assert_int_equal(list[2].parent, -1);
	assert_int_equal(list[2].max_energy_range_uj, UINT64_C(262143328850));
	scene_add_zone(&scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	guest_zones_init(&zones, &scene.machine, 16, 0);
	assert_int_equal(guest_zones_list(&zones, list, places), 32);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(places[i], i);
	for (int32_t s = 0; s < 16; s++) {
		char name[MESSAGE_ZONE_NAME_SIZE];

		snprintf(name, sizeof(name), "package-%u", (unsigned int)s & 15);
		assert_string_equal(list[2 * s].name, name);
		assert_int_equal(list[2 * s].parent, -1);
		assert_string_equal(list[2 * s + 1].name, "dram");
		assert_int_equal(list[2 * s + 1].parent, 2 * s);
		assert_int_equal(
			list[2 * s + 1].max_energy_range_uj, UINT64_C(65712999613));
	}
}

/* One domain, its shares set by the test, its threads' weights by usage. */
struct fixture {
	struct scene scene;
	struct sample previous, now;
	struct usage usage;
	struct tick tick;
	struct guest_zones zones;
};

static int setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	scene_init(&fixture.scene, 2);
	scene_add_zone(&fixture.scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	scene_add_zone(&fixture.scene, "dram-1", MACHINE_ZONE_DRAM, 1);
	scene_add_zone(&fixture.scene, "core-0", MACHINE_ZONE_CORE, 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sample_deinit(&f->previous);
	sample_deinit(&f->now);
	usage_deinit(&f->usage);
	tick_deinit(&f->tick);
	return 0;
}

/* Of max_vcpus, n_vcpus are online; their threads are added by the test. */
static void begin_plugged(struct fixture *f, uint32_t max_vcpus, uint32_t n_vcpus,
	uint32_t vcpus_per_socket)
{
	scene_begin_second(&f->scene, &f->previous, &f->now);
	scene_add_domain(&f->previous, 1, n_vcpus);
	scene_add_domain(&f->now, 1, n_vcpus);
	guest_zones_init(&f->zones, &f->scene.machine, max_vcpus, vcpus_per_socket);
	assert_int_equal(tick_reset(&f->tick, f->scene.machine.n_zones, 1), 0);
}

static void begin(struct fixture *f, uint32_t n_vcpus, uint32_t vcpus_per_socket)
{
	begin_plugged(f, n_vcpus, n_vcpus, vcpus_per_socket);
}

static void add(struct fixture *f, enum sample_thread_kind kind, uint16_t index,
	uint64_t cpu_ns, uint16_t cpu_before, uint16_t cpu)
{
	scene_add_thread(&f->previous, kind, index, 0, cpu_before);
	scene_add_thread(&f->now, kind, index, cpu_ns, cpu);
}

static const uint64_t *split(struct fixture *f)
{
	static const struct weight_model model = { 0 };

	assert_int_equal(usage_reserve(&f->usage, &f->scene.machine, &f->now), 0);
	usage_compute(&f->usage, &f->scene.machine, &model, &f->previous, &f->now, false);
	guest_zones_split(&f->zones, &f->scene.machine, &f->now, &f->usage, 0, &f->tick);
	return f->tick.domains[0].guest_uj;
}

static void test_sockets(void **state)
{
	struct fixture *f = *state;
	const uint64_t *uj;

	begin(f, 5, 2);
	add(f, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0, 0);
	add(f, SAMPLE_THREAD_VCPU, 1, 200 * MS, 0, 8); /* half on either package */
	add(f, SAMPLE_THREAD_VCPU, 2, 100 * MS, 8, 8);
	add(f, SAMPLE_THREAD_VCPU, 3, 0, 8, 8);
	add(f, SAMPLE_THREAD_VCPU, 4, 200 * MS, 0, 0);
	add(f, SAMPLE_THREAD_EMULATOR, 0, 100 * MS, 0, 0);
	/* On package 0: socket 0 200, socket 2 200, others 100. On 1: 100 and 100. */
	*tick_share(&f->tick, 0, 0) = (struct tick_share){ 5000, 700 };
	*tick_share(&f->tick, 0, 1) = (struct tick_share){ 300, 0 };
	*tick_share(&f->tick, 0, 2) = (struct tick_share){ 500, 5 };
	*tick_share(&f->tick, 0, 3) = (struct tick_share){ 0, 0 };
	*tick_share(&f->tick, 0, 4) = (struct tick_share){ 999, 0 };
	uj = split(f);
	/* Without a vCPU: 1000 + 700, by vCPUs 2 : 2 : 1. */
	assert_int_equal(uj[0], 2000 + 150 + 680);
	assert_int_equal(uj[2], 0 + 150 + 680);
	assert_int_equal(uj[4], 2000 + 0 + 340);
	assert_int_equal(uj[1], 200 + 42);
	assert_int_equal(uj[3], 0 + 42);
	assert_int_equal(uj[5], 200 + 21);
	assert_int_equal(uj[6], 0);
}

static void test_one_socket(void **state)
{
	struct fixture *f = *state;
	const uint64_t *uj;

	begin(f, 17, 0);
	for (uint16_t i = 0; i < 17; i++)
		add(f, SAMPLE_THREAD_VCPU, i, i * MS, 0, 0);
	for (size_t z = 0; z < 5; z++)
		*tick_share(&f->tick, 0, z) = (struct tick_share){ 10 + z, 100 };
	uj = split(f);
	assert_int_equal(uj[0], 10 + 11 + 200);
	assert_int_equal(uj[1], 12 + 13 + 200);
	assert_int_equal(uj[2], 0);
}

/* vCPUs the layout does not have, and vCPUs that share one thread. */
static void test_odd_threads(void **state)
{
	struct fixture *f = *state;
	const uint64_t *uj;

	begin(f, 4, 2);
	add(f, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0, 0);
	add(f, SAMPLE_THREAD_VCPU, 7, 300 * MS, 0, 0);
	*tick_share(&f->tick, 0, 0) = (struct tick_share){ 4000, 0 };
	uj = split(f);
	assert_int_equal(uj[0], 1000);
	assert_int_equal(uj[2], 3000);

	begin(f, 4, 2);
	add(f, SAMPLE_THREAD_VCPU, 0, 100 * MS, 0, 0);
	*tick_share(&f->tick, 0, 0) = (struct tick_share){ 4000, 0 };
	uj = split(f);
	assert_int_equal(uj[0], 2000);
	assert_int_equal(uj[2], 2000);

	/* Energy of an earlier tick, no CPU time in this one. */
	begin(f, 3, 2);
	add(f, SAMPLE_THREAD_VCPU, 0, 0, 0, 0);
	add(f, SAMPLE_THREAD_VCPU, 1, 0, 0, 0);
	add(f, SAMPLE_THREAD_VCPU, 2, 0, 0, 0);
	*tick_share(&f->tick, 0, 0) = (struct tick_share){ 3000, 0 };
	uj = split(f);
	assert_int_equal(uj[0], 2000);
	assert_int_equal(uj[2], 1000);
}

/* What rounding leaves of several zones goes by vCPUs, all of it. */
static void test_rounding(void **state)
{
	struct fixture *f = *state;
	const uint64_t *uj;

	begin(f, 3, 1);
	for (uint16_t i = 0; i < 3; i++)
		add(f, SAMPLE_THREAD_VCPU, i, 200 * MS, 0, 8);
	*tick_share(&f->tick, 0, 0) = (struct tick_share){ 11, 0 };
	*tick_share(&f->tick, 0, 1) = (struct tick_share){ 5, 0 };
	*tick_share(&f->tick, 0, 2) = (struct tick_share){ 2, 0 };
	uj = split(f);
	/* 3 + 1 each, and 2 + 2 that are left: the first one has one more. */
	assert_int_equal(uj[0], 6);
	assert_int_equal(uj[2], 5);
	assert_int_equal(uj[4], 5);
	assert_int_equal(uj[1] + uj[3] + uj[5], 2);
}

/* vCPUs come and go across the sockets' borders; the zones stay. */
static void test_plugged(void **state)
{
	static const struct {
		uint32_t n_vcpus, online; /* as bits */
		uint64_t uj[4];
	} steps[] = {
		/* 6000 for the vCPUs by time, which is the same, 600 for the rest. */
		{ 2, 0x03, { 6600, 0, 0, 0 } },
		{ 3, 0x07, { 4400, 2200, 0, 0 } },
		{ 6, 0xdb, { 2200, 1100, 1100, 2200 } },
		{ 2, 0x81, { 3300, 0, 0, 3300 } },
		{ 1, 0x01, { 6600, 0, 0, 0 } },
		/* The inventory comes later than the threads. */
		{ 1, 0x05, { 3300, 3300, 0, 0 } },
		/* No threads of their own. */
		{ 3, 0x01, { 4400, 2200, 0, 0 } },
		{ 8, 0x00, { 1650, 1650, 1650, 1650 } },
		{ 9, 0x00, { 1650, 1650, 1650, 1650 } },
		{ 0, 0x00, { 6600, 0, 0, 0 } },
	};
	struct message_zone list[MESSAGE_ZONES_MAX];
	uint8_t places[MESSAGE_ZONES_MAX];
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const uint64_t *uj;

		begin_plugged(f, 8, steps[i].n_vcpus, 2);
		for (uint16_t v = 0; v < 8; v++) {
			if (steps[i].online & 1u << v)
				add(f, SAMPLE_THREAD_VCPU, v, 100 * MS, 0, 0);
		}
		*tick_share(&f->tick, 0, 0) = (struct tick_share){ 6000, 0 };
		*tick_share(&f->tick, 0, 1) = (struct tick_share){ 0, 600 };
		*tick_share(&f->tick, 0, 2) = (struct tick_share){ 0, 6600 };
		uj = split(f);
		assert_int_equal(guest_zones_list(&f->zones, list, places), 8);
		assert_string_equal(list[6].name, "package-3");
		for (size_t s = 0; s < 4; s++) {
			assert_int_equal(uj[places[2 * s]], steps[i].uj[s]);
			assert_int_equal(uj[places[2 * s + 1]], steps[i].uj[s]);
		}
	}
}

/* What a step adds is the same zone's, with dram on the host or without. */
static void test_dram_comes_and_goes(void **state)
{
	static const uint64_t expected[] = { 3 * 6000, 2 * 400, 3 * 3000, 2 * 200 };
	static const char *const names[] = { "package-0", "dram", "package-1", "dram" };
	struct message_zone list[MESSAGE_ZONES_MAX];
	uint64_t sum[MESSAGE_ZONES_MAX] = { 0 };
	uint8_t places[MESSAGE_ZONES_MAX];
	struct fixture *f = *state;
	size_t n;

	for (size_t round = 0; round < 3; round++) {
		bool dram = round != 1;
		const uint64_t *uj;

		f->scene.machine.n_zones = dram ? 5 : 2;
		begin(f, 3, 2);
		for (uint16_t i = 0; i < 3; i++)
			add(f, SAMPLE_THREAD_VCPU, i, 100 * MS, 0, 0);
		*tick_share(&f->tick, 0, 0) = (struct tick_share){ 3000, 3000 };
		*tick_share(&f->tick, 0, 1) = (struct tick_share){ 0, 3000 };
		if (dram)
			*tick_share(&f->tick, 0, 2) = (struct tick_share){ 600, 0 };
		uj = split(f);
		for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++)
			sum[i] += uj[i];
		n = guest_zones_list(&f->zones, list, places);
		assert_int_equal(n, dram ? 4 : 2);
		for (size_t i = 0; i < n; i++)
			assert_string_equal(list[i].name, names[places[i]]);
	}
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sum[places[i]], expected[i]);
}

/* Whatever the threads and layout: nothing is lost, nothing is made. */
static void test_sums(void **state)
{
	struct random_state random = { 5 };
	struct fixture *f = *state;

	for (int c = 0; c < 20000; c++) {
		uint32_t n_vcpus = 1 + (uint32_t)random_below(&random, 24);
		uint32_t per_socket = (uint32_t)random_below(&random, 5);
		uint64_t package = 0, dram = 0, sums[2] = { 0 };
		const uint64_t *uj;

		begin_plugged(f, n_vcpus + (uint32_t)random_below(&random, 8), n_vcpus,
			per_socket);
		for (uint32_t i = 0; i < n_vcpus + 2; i++)
			add(f, i < n_vcpus ? SAMPLE_THREAD_VCPU : SAMPLE_THREAD_VHOST,
				(uint16_t)i,
				random_one_in(&random, 3) ? 0 : random_below(&random, MS),
				(uint16_t)random_below(&random, SCENE_CPUS),
				(uint16_t)random_below(&random, SCENE_CPUS));
		for (size_t z = 0; z < 5; z++) {
			struct tick_share *share = tick_share(&f->tick, 0, z);

			share->dynamic_uj = random_u64(&random) >>
					    (3 + random_below(&random, 61));
			share->idle_uj = random_u64(&random) >>
					 (3 + random_below(&random, 61));
			if (z < 2)
				package += share->dynamic_uj + share->idle_uj;
			else if (z < 4)
				dram += share->dynamic_uj + share->idle_uj;
		}
		uj = split(f);
		for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++) {
			sums[i % 2] += uj[i];
			if (i >= 2 * f->zones.n_sockets)
				assert_int_equal(uj[i], 0);
		}
		assert_int_equal(sums[0], package);
		assert_int_equal(sums[1], dram);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_list),
		cmocka_unit_test_setup_teardown(test_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rounding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plugged, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_dram_comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
