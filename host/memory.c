/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Memory by domain and package. */
#include "host/memory.h"
#include "shared/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_KIB 1024
#define NO_PACKAGE    UINT16_MAX
#define MANY_PACKAGES (UINT16_MAX - 1)

/* Which packages a node's memory is of. */
struct node {
	uint16_t package; /* the only one, or MANY_PACKAGES, or NO_PACKAGE */
	uint32_t n_cpus;
	uint16_t cpus_in[MACHINE_PACKAGES_MAX];
};

static size_t packages_of(const struct machine *machine)
{
	return machine->n_packages > 0 ? machine->n_packages : 1;
}

int memory_reserve(
	struct memory *memory, const struct machine *machine, const struct sample *sample)
{
	size_t size = sample->n_domains * packages_of(machine);

	return array_reserve(&memory->bytes, &memory->size, size);
}

static void find_nodes(
	const struct machine *machine, struct node nodes[MACHINE_NODES_MAX])
{
	for (size_t n = 0; n < MACHINE_NODES_MAX; n++)
		nodes[n] = (struct node){ .package = NO_PACKAGE };
	for (size_t i = 0; i < machine->n_cpus; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];
		uint16_t package = cpu->package < machine->n_packages ? cpu->package : 0;
		struct node *node;

		if (!cpu->online || cpu->node >= MACHINE_NODES_MAX)
			continue;
		node = &nodes[cpu->node];
		node->n_cpus++;
		node->cpus_in[package]++;
		if (node->package == NO_PACKAGE)
			node->package = package;
		else if (node->package != package)
			node->package = MANY_PACKAGES;
	}
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Adds memory on a node to its packages'. */
static void place(const struct node *node, size_t n_packages, uint64_t kib,
	uint64_t bytes[MACHINE_PACKAGES_MAX])
{
	uint64_t all = kib < UINT64_MAX / BYTES_PER_KIB ? kib * BYTES_PER_KIB
							: UINT64_MAX;

	if (node->package == NO_PACKAGE)
		return;
	if (node->package != MANY_PACKAGES) {
		bytes[node->package] = add(bytes[node->package], all);
		return;
	}
	for (size_t p = 0; p < n_packages; p++)
		bytes[p] = add(bytes[p], (uint64_t)((unsigned __int128)all *
						    node->cpus_in[p] / node->n_cpus));
}

/* As if all its memory were where its vCPUs are. */
static void place_by_vcpus(const struct usage *usage, size_t domain, uint64_t kib,
	uint64_t bytes[MACHINE_PACKAGES_MAX])
{
	struct node node = { .package = MANY_PACKAGES };

	for (size_t p = 0; p < usage->n_packages; p++) {
		uint32_t n_vcpus = usage_cell(usage, domain, p)->n_vcpus;

		node.cpus_in[p] = n_vcpus < UINT16_MAX ? (uint16_t)n_vcpus : UINT16_MAX;
		node.n_cpus += node.cpus_in[p];
	}
	if (node.n_cpus > 0)
		place(&node, usage->n_packages, kib, bytes);
}

static void compute_domain(struct memory *memory,
	const struct node nodes[MACHINE_NODES_MAX], const struct sample *sample,
	size_t domain, const struct usage *usage)
{
	uint64_t *cells = &memory->bytes[domain * memory->n_packages];
	uint64_t bytes[MACHINE_PACKAGES_MAX] = { 0 };
	bool known = false;

	for (size_t n = 0; n < sample->n_nodes; n++) {
		uint64_t kib = *sample_resident_kib(sample, domain, n);

		known |= kib > 0;
		if (n < MACHINE_NODES_MAX)
			place(&nodes[n], memory->n_packages, kib, bytes);
	}
	if (!known)
		place_by_vcpus(usage, domain, sample->domains[domain].memory_kib, bytes);
	memcpy(cells, bytes, memory->n_packages * sizeof(*cells));
}

void memory_compute(struct memory *memory, const struct machine *machine,
	const struct sample *sample, const struct usage *usage)
{
	uint64_t domains[MACHINE_PACKAGES_MAX] = { 0 };
	struct node nodes[MACHINE_NODES_MAX];

	find_nodes(machine, nodes);
	memory->n_packages = packages_of(machine);
	memset(memory->host_bytes, 0, sizeof(memory->host_bytes));
	for (size_t n = 0; n < machine->n_nodes; n++)
		place(&nodes[n], memory->n_packages, machine->node_memory_kib[n],
			memory->host_bytes);
	for (size_t i = 0; i < sample->n_domains; i++) {
		compute_domain(memory, nodes, sample, i, usage);
		for (size_t p = 0; p < memory->n_packages; p++)
			domains[p] = add(domains[p], memory_bytes(memory, i, p));
	}
	for (size_t p = 0; p < memory->n_packages; p++)
		memory->host_bytes[p] = memory->host_bytes[p] > domains[p]
						? memory->host_bytes[p] - domains[p]
						: 0;
}

void memory_deinit(struct memory *memory)
{
	free(memory->bytes);
	*memory = (struct memory){ 0 };
}
