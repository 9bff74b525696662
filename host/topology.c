/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Where each CPU is, read from SYSFS/devices/system. */
#include "config.h"

#include "host/topology.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/cpulist.h"
#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define CPUS  "devices/system/cpu"
#define NODES "devices/system/node"

/* "0,2,4,...,8190" is the longest list there is. */
#define LIST_SIZE (CPULIST_CPUS_MAX / 2 * 5 + 2)

/* What one reading needs besides its result. */
struct reading {
	const char *sysfs;
	struct cpulist list;
	char text[LIST_SIZE];
};

static int parse_list(struct reading *reading, ssize_t n)
{
	return n < 0 ? (int)n : cpulist_parse(reading->text, (size_t)n, &reading->list);
}

/* A number of at most 16 bits; 0 for what is absent, -1 or no number. */
static uint16_t read_id(const char *sysfs, size_t cpu, const char *name)
{
	uint64_t id;

	if (rooted_read_u64(sysfs, &id, CPUS "/cpu%zu/topology/%s", cpu, name) < 0)
		return 0;
	return id <= UINT16_MAX ? (uint16_t)id : 0;
}

static void read_cpu(struct reading *reading, size_t cpu, struct topology_cpu *ret_cpu)
{
	struct topology_cpu found = {
		.online = true,
		.physical_id = read_id(reading->sysfs, cpu, "physical_package_id"),
		.die_id = read_id(reading->sysfs, cpu, "die_id"),
		.core = (uint16_t)cpu,
	};
	ssize_t n = rooted_read(reading->sysfs, reading->text, sizeof(reading->text),
		CPUS "/cpu%zu/topology/thread_siblings_list", cpu);

	if (parse_list(reading, n) == 0 && cpulist_has(&reading->list, cpu))
		found.core = (uint16_t)cpulist_first(&reading->list);
	*ret_cpu = found;
}

uint64_t topology_parse_meminfo(const char *text, size_t len)
{
	static const char key[] = "MemTotal:";
	const char *end = text + len;
	const char *value = memmem(text, len, key, sizeof(key) - 1);
	uint64_t kib;

	if (!value)
		return 0;
	value += sizeof(key) - 1;
	while (value < end && *value == ' ')
		value++;
	return number_scan_u64(&value, end, &kib) < 0 ? 0 : kib;
}

static void read_memory(struct reading *reading, size_t node, struct topology *topology)
{
	ssize_t n;

	if (node >= MACHINE_NODES_MAX)
		return;
	n = rooted_read(reading->sysfs, reading->text, sizeof(reading->text),
		NODES "/node%zu/meminfo", node);
	topology->n_nodes = node + 1;
	if (n > 0)
		topology->node_memory_kib[node] = topology_parse_meminfo(
			reading->text, (size_t)n);
}

static void read_nodes(struct reading *reading, struct topology *topology)
{
	struct cpulist nodes;
	ssize_t n;

	n = rooted_read(
		reading->sysfs, reading->text, sizeof(reading->text), NODES "/online");
	if (parse_list(reading, n) < 0)
		return; /* a kernel without NUMA: all is node 0 */
	nodes = reading->list;
	for (size_t node = 0; node < nodes.n; node++) {
		if (!cpulist_has(&nodes, node))
			continue;
		read_memory(reading, node, topology);
		n = rooted_read(reading->sysfs, reading->text, sizeof(reading->text),
			NODES "/node%zu/cpulist", node);
		if (parse_list(reading, n) < 0)
			continue;
		for (size_t cpu = 0; cpu < topology->n_cpus; cpu++) {
			if (cpulist_has(&reading->list, cpu) &&
				topology->cpus[cpu].online)
				topology->cpus[cpu].node = (uint16_t)node;
		}
	}
}

/* CPUs that are present but offline have a number too, in machine and samples. */
static size_t count_present(struct reading *reading, size_t n_online)
{
	ssize_t n = rooted_read(
		reading->sysfs, reading->text, sizeof(reading->text), CPUS "/present");

	if (parse_list(reading, n) < 0 || reading->list.n < n_online)
		return n_online;
	return reading->list.n;
}

int topology_read(const char *sysfs, struct topology *ret_topology)
{
	cleanup_free struct reading *reading = malloc(sizeof(*reading));
	struct topology topology = { 0 };
	struct cpulist online;
	ssize_t n;
	int r;

	if (!reading)
		return -ENOMEM;
	reading->sysfs = sysfs;
	n = rooted_read(sysfs, reading->text, sizeof(reading->text), CPUS "/online");
	r = parse_list(reading, n);
	if (r < 0)
		return r;
	online = reading->list;
	if (online.n == 0)
		return -EINVAL;
	topology.n_cpus = count_present(reading, online.n);
	topology.cpus = calloc(topology.n_cpus, sizeof(*topology.cpus));
	if (!topology.cpus)
		return -ENOMEM;
	for (size_t cpu = 0; cpu < online.n; cpu++) {
		if (cpulist_has(&online, cpu))
			read_cpu(reading, cpu, &topology.cpus[cpu]);
	}
	read_nodes(reading, &topology);
	*ret_topology = topology;
	return 0;
}

void topology_deinit(struct topology *topology)
{
	free(topology->cpus);
	memset(topology, 0, sizeof(*topology));
}
