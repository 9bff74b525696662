/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Where the CPUs of the recorded hosts are; holes, CPUs offline, files missing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/topology.h"
#include "tests/unit/scratch.h"

/* A string per column, a letter per CPU, '.' offline. */
static const struct {
	const char *host;
	const char *physical_id, *die_id, *core, *node;
} cases[] = {
	{ "xeon-2s", "00110011", "00000000", "01230123", "00110011" },
	{ "amd-dies", "0000", "0011", "0123", "0000" },
	{ "intel-dies", "0000", "0011", "0123", "0011" },
	{ "client", "000.", "000.", "002.", "000." },
	{ "kvm-guest", "00", "00", "01", "00" },
};

static void test_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topology topology;
		struct scratch scratch;
		char path[128];

		scratch_init(&scratch);
		scratch_unpack(&scratch, FIXTURES, cases[i].host);
		snprintf(path, sizeof(path), "%s/sys", scratch.path);
		assert_int_equal(topology_read(path, &topology), 0);
		assert_int_equal(topology.n_cpus, strlen(cases[i].physical_id));
		for (size_t cpu = 0; cpu < topology.n_cpus; cpu++) {
			const struct topology_cpu *found = &topology.cpus[cpu];

			assert_int_equal(found->online, cases[i].physical_id[cpu] != '.');
			if (!found->online)
				continue;
			assert_int_equal(
				found->physical_id, cases[i].physical_id[cpu] - '0');
			assert_int_equal(found->die_id, cases[i].die_id[cpu] - '0');
			assert_int_equal(found->core, cases[i].core[cpu] - '0');
			assert_int_equal(found->node, cases[i].node[cpu] - '0');
		}
		topology_deinit(&topology);
		scratch_deinit(&scratch);
	}
}

static void test_defaults(void **state)
{
	struct topology topology;
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch);
	assert_int_equal(topology_read(scratch.path, &topology), -ENOENT);
	scratch_write(&scratch, "devices/system/cpu/online", "\n");
	assert_int_equal(topology_read(scratch.path, &topology), -EINVAL);

	/* A hole, ids that are not there or -1, a sibling list of somebody else. */
	scratch_write(&scratch, "devices/system/cpu/online", "1,3\n");
	scratch_write(&scratch, "devices/system/cpu/present", "0-5\n");
	scratch_write(
		&scratch, "devices/system/cpu/cpu1/topology/physical_package_id", "-1\n");
	scratch_write(
		&scratch, "devices/system/cpu/cpu1/topology/thread_siblings_list", "7\n");
	assert_int_equal(topology_read(scratch.path, &topology), 0);
	assert_int_equal(topology.n_cpus, 6);
	assert_false(topology.cpus[0].online);
	assert_true(topology.cpus[1].online);
	assert_int_equal(topology.cpus[1].physical_id, 0);
	assert_int_equal(topology.cpus[1].core, 1);
	assert_false(topology.cpus[2].online);
	assert_true(topology.cpus[3].online);
	assert_int_equal(topology.cpus[3].core, 3);
	assert_false(topology.cpus[5].online);
	topology_deinit(&topology);
	scratch_deinit(&scratch);
}

static void test_meminfo(void **state)
{
	static const struct {
		const char *text;
		uint64_t kib;
	} texts[] = {
		{ "Node 0 MemTotal:       131587072 kB\nNode 0 MemFree: 1 kB\n",
			131587072 },
		{ "Node 63 MemFree: 5 kB\nNode 63 MemTotal:1 kB\n", 1 },
		{ "Node 0 MemTotal: 7", 7 },
		{ "Node 0 MemTotal: ", 0 },
		{ "Node 0 MemTotal: kB\n", 0 },
		{ "Node 0 MemTotal: 99999999999999999999 kB\n", 0 },
		{ "Node 0 MemFree: 5 kB\n", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			topology_parse_meminfo(texts[i].text, strlen(texts[i].text)),
			texts[i].kib);
}

static void test_nodes(void **state)
{
	struct topology topology;
	struct scratch scratch;
	char path[128];

	(void)state;
	scratch_init(&scratch);
	scratch_unpack(&scratch, FIXTURES, "xeon-2s");
	snprintf(path, sizeof(path), "%s/sys", scratch.path);
	/* One without CPUs, one whose size is not told, and one too many. */
	scratch_write(&scratch, "sys/devices/system/node/online", "0-1,3,5,64\n");
	scratch_write(&scratch, "sys/devices/system/node/node3/cpulist", "\n");
	scratch_write(&scratch, "sys/devices/system/node/node3/meminfo",
		"Node 3 MemTotal: 1048576 kB\n");
	scratch_write(&scratch, "sys/devices/system/node/node64/meminfo",
		"Node 64 MemTotal: 1048576 kB\n");
	assert_int_equal(topology_read(path, &topology), 0);
	assert_int_equal(topology.n_nodes, 6);
	assert_int_equal(topology.node_memory_kib[0], 131587072);
	assert_int_equal(topology.node_memory_kib[1], 132111360);
	assert_int_equal(topology.node_memory_kib[2], 0);
	assert_int_equal(topology.node_memory_kib[3], 1048576);
	assert_int_equal(topology.node_memory_kib[5], 0);
	assert_int_equal(topology.cpus[7].node, 1);
	topology_deinit(&topology);
	scratch_deinit(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_meminfo),
		cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
