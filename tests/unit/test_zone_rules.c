/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which zones count, what they are called, which CPUs they power. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/zone_rules.h"

#define MAX 6

struct zone_case {
	const char *what;
	bool one_zone_per_socket;
	struct {
		const char *path, *name;
		int16_t parent;
	} found[MAX];
	/* "name@package" in order, and the packages of CPUs 0 to 3. */
	const char *zones;
	const char *packages;
};

/* CPUs 0 and 1 are die 0, 2 and 3 die 1 of socket 0. */
static const struct topology_cpu dies[] = {
	{ .online = true, .die_id = 0 },
	{ .online = true, .die_id = 0 },
	{ .online = true, .die_id = 1 },
	{ .online = true, .die_id = 1 },
};

static const struct zone_case cases[] = {
	{ "a socket, its dram", false, { { "a", "package-0", -1 }, { "a/b", "dram", 0 } },
		"package-0@0 dram-0@0 ", "0000" },
	{ "children before their package, informational last", false,
		{ { "a/c", "core", 3 }, { "a/u", "uncore", 3 }, { "a/d", "dram", 3 },
			{ "a", "package-0", -1 }, { "p", "psys", -1 } },
		"package-0@0 dram-0@0 core-0@0 uncore-0@0 psys@0 ", "0000" },
	{ "dies count apart", false,
		{ { "a", "package-0-die-1", -1 }, { "b", "package-0-die-0", -1 },
			{ "a/d", "dram", 0 }, { "b/d", "dram", 1 } },
		"package-0-die-0@0 dram-0-die-0@0 package-0-die-1@1 dram-0-die-1@1 ",
		"0011" },
	{ "dies are the socket again", true,
		{ { "a", "package-0-die-0", -1 }, { "b", "package-0-die-1", -1 },
			{ "a/c", "core", 0 }, { "b/c", "core", 1 } },
		"package-0@0 core-0@0 ", "0000" },
	{ "the socket and then its dies", false,
		{ { "a", "package-0", -1 }, { "b", "package-0-die-1", -1 } },
		"package-0@0 ", "0000" },
	{ "mmio is a duplicate", false,
		{ { "intel-rapl-mmio/intel-rapl-mmio:0", "package-0", -1 },
			{ "intel-rapl/intel-rapl:0", "package-0", -1 } },
		"package-0@0 ", "0000" },
	{ "a zone twice", false,
		{ { "a", "package-0", -1 }, { "b", "package-0", -1 },
			{ "a/d", "dram", 0 }, { "b/d", "dram", 1 }, { "p", "psys", -1 },
			{ "q", "psys", -1 } },
		"package-0@0 dram-0@0 psys@0 ", "0000" },
	{ "flat, by ids", false,
		{ { "intel-rapl:a:0", "dram", -1 }, { "intel-rapl:a", "package-0", -1 } },
		"package-0@0 dram-0@0 ", "0000" },
	{ "dram of nobody", false, { { "a", "dram", -1 }, { "b:0", "core", -1 } }, "",
		"0000" },
	{ "dram of a dram", false,
		{ { "a", "package-0", -1 }, { "a/b", "core", 0 },
			{ "a/b/c", "dram", 1 } },
		"package-0@0 core-0@0 ", "0000" },
	{ "a socket without CPUs", false,
		{ { "a", "package-7", -1 }, { "b", "package-0", -1 } },
		"package-0@0 package-7@1 ", "0000" },
	{ "names of others", false,
		{ { "a", "package-", -1 }, { "b", "package-0-die", -1 },
			{ "c", "package-0-die-0x", -1 }, { "d", "Package-0", -1 },
			{ "e", "package-65536", -1 }, { "f", "dram2", -1 } },
		"", "0000" },
};

static void check(const struct zone_case *test)
{
	const struct topology topology = { .n_cpus = 4,
		.cpus = (struct topology_cpu *)dies };
	struct zone_found found[MAX] = { 0 };
	uint16_t source[MACHINE_ZONES_MAX];
	struct machine machine = { 0 };
	char zones[512] = "", packages[8] = "";
	size_t n = 0;

	for (; n < MAX && test->found[n].path; n++) {
		strcpy(found[n].path, test->found[n].path);
		strcpy(found[n].name, test->found[n].name);
		found[n].parent = test->found[n].parent;
		found[n].max_energy_range_uj = 1000 + n;
		found[n].max_power_uw = n;
	}
	assert_int_equal(zone_rules_apply(found, n, &topology, test->one_zone_per_socket,
				 &machine, source),
		0);
	for (size_t i = 0; i < machine.n_zones; i++) {
		const struct machine_zone *zone = &machine.zones[i];

		sprintf(zones + strlen(zones), "%s@%u ", zone->name, zone->package);
		assert_int_equal(zone->max_energy_range_uj, 1000 + source[i]);
		assert_int_equal(zone->max_power_uw, source[i]);
	}
	for (size_t i = 0; i < machine.n_cpus; i++)
		sprintf(packages + strlen(packages), "%u", machine.cpus[i].package);
	assert_string_equal(zones, test->zones);
	assert_string_equal(packages, test->packages);
	free(machine.cpus);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].what);
		check(&cases[i]);
	}
}

static void test_mmio_alone(void **state)
{
	const struct topology topology = { .n_cpus = 4,
		.cpus = (struct topology_cpu *)dies };
	struct zone_found found[2] = {
		{ .path = "intel-rapl-mmio:0", .name = "package-0", .parent = -1 },
		{ .path = "intel-rapl:0", .name = "package-0", .parent = -1 },
	};
	uint16_t source[MACHINE_ZONES_MAX];
	struct machine machine = { 0 };

	(void)state;
	assert_int_equal(
		zone_rules_apply(found, 2, &topology, false, &machine, source), 0);
	assert_int_equal(source[0], 1);
	free(machine.cpus);
	assert_int_equal(
		zone_rules_apply(found, 1, &topology, false, &machine, source), 0);
	assert_int_equal(machine.n_zones, 1);
	assert_int_equal(source[0], 0);
	free(machine.cpus);
}

/* More sockets than there is room for; more zones than there is room for. */
static void test_caps(void **state)
{
	struct zone_found *found = calloc(ZONE_RULES_FOUND_MAX, sizeof(*found));
	struct topology_cpu cpus[MACHINE_PACKAGES_MAX + 1] = { 0 };
	struct topology topology = { .n_cpus = MACHINE_PACKAGES_MAX + 1, .cpus = cpus };
	uint16_t source[MACHINE_ZONES_MAX];
	struct machine machine = { 0 };
	size_t n = 0;

	(void)state;
	for (uint16_t i = 0; i <= MACHINE_PACKAGES_MAX; i++)
		cpus[i] = (struct topology_cpu){ .online = true, .physical_id = i };
	assert_int_equal(
		zone_rules_apply(found, 0, &topology, false, &machine, source), -E2BIG);
	assert_null(machine.cpus);
	topology.n_cpus--;
	for (int i = 0; i < MACHINE_PACKAGES_MAX; i++) {
		static const char *const kinds[] = { "core", "uncore", "dram" };

		snprintf(found[n].name, sizeof(found[n].name), "package-%d", i);
		found[n].parent = -1;
		for (size_t j = 0; j < 3; j++) {
			strcpy(found[n + 1 + j].name, kinds[j]);
			found[n + 1 + j].parent = (int16_t)n;
		}
		n += 4;
	}
	assert_int_equal(
		zone_rules_apply(found, n, &topology, false, &machine, source), 0);
	assert_int_equal(machine.n_packages, MACHINE_PACKAGES_MAX);
	assert_int_equal(machine.n_zones, MACHINE_ZONES_MAX);
	assert_string_equal(machine.zones[62].name, "package-31");
	assert_string_equal(machine.zones[63].name, "dram-31");
	assert_int_equal(machine.packages[31].n_cpus, 1);
	free(machine.cpus);
	free(found);
}

static void test_vendor(void **state)
{
	static const struct {
		const char *cpuinfo;
		bool expected;
	} vendors[] = {
		{ "processor\t: 0\nvendor_id\t: AuthenticAMD\n", true },
		{ "vendor_id\t: HygonGenuine\n", true },
		{ "processor\t: 0\nvendor_id\t: GenuineIntel\nflags: AuthenticAMD\n",
			false },
		{ "vendor_id\t: AuthenticAM", false },
		{ "vendor_id", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		assert_int_equal(zone_rules_one_zone_per_socket(
					 vendors[i].cpuinfo, strlen(vendors[i].cpuinfo)),
			vendors[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_mmio_alone),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_vendor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
