/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Which CPU is where: package, die, core, NUMA node, and how much memory a node has,
 * as the kernel tells it in SYSFS/devices/system (Documentation/admin-guide/
 * cputopology.rst). Which zone powers it is host/zone_rules.h's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"

struct topology_cpu {
	bool online;	      /* false: also a hole in the numbering; the rest is 0 */
	uint16_t physical_id; /* topology/physical_package_id; where it is -1: 0 */
	uint16_t die_id;      /* topology/die_id; where it is -1 or absent: 0 */
	uint16_t core;	      /* lowest CPU number of its thread_siblings_list */
	uint16_t node;
};

struct topology {
	/* Indexed by the kernel's CPU number, up to the last present one; owned. */
	size_t n_cpus;
	struct topology_cpu *cpus;
	/* As in struct machine. */
	size_t n_nodes;
	uint64_t node_memory_kib[MACHINE_NODES_MAX];
};

/* MemTotal of a node's meminfo; 0: it is not told. */
uint64_t topology_parse_meminfo(const char *text, size_t len);

/*
 * -EINVAL or -errno when SYSFS/devices/system/cpu/online does not tell which CPUs
 * there are; -ENOMEM. What else is missing has its default.
 */
int topology_read(const char *sysfs, struct topology *ret_topology);

/* Frees what it holds, not the struct itself. A zeroed one is fine. */
void topology_deinit(struct topology *topology);
