/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The hypervisor as attribution sees it: its CPUs, and the RAPL zones that power
 * them. A description, without readings. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_ZONES_MAX      64
#define MACHINE_PACKAGES_MAX   32
#define MACHINE_NODES_MAX      64
#define MACHINE_ZONE_NAME_SIZE 32

enum machine_zone_kind {
	MACHINE_ZONE_PACKAGE, /* shared out to domains and host */
	MACHINE_ZONE_DRAM,    /* likewise, with the package it belongs to */
	MACHINE_ZONE_CORE,    /* informational: part of its package, the host's alone */
	MACHINE_ZONE_UNCORE,  /* likewise */
	MACHINE_ZONE_PSYS,    /* the platform: the host's alone */
};

struct machine_zone {
	/* Unique: "package-0", "package-0-die-1", "dram-0", "core-0", "psys". */
	char name[MACHINE_ZONE_NAME_SIZE];
	enum machine_zone_kind kind;
	/* Index into the packages; of psys: 0. */
	uint16_t package;
	uint64_t max_energy_range_uj;
	/* constraint_0_max_power_uw; 0: unknown. */
	uint64_t max_power_uw;
};

/* What one package zone powers: a socket, or one die of an Intel multi-die socket. */
struct machine_package {
	uint16_t physical_id; /* topology/physical_package_id */
	int16_t die_id;	      /* topology/die_id where the zone is a die's, else -1 */
	uint16_t n_cpus;      /* online hardware threads */
};

struct machine_cpu {
	bool online;
	uint16_t package; /* index into the packages */
	uint16_t core;	  /* same package and core: sibling hardware threads */
	uint16_t node;	  /* NUMA node */
};

struct machine {
	/* Counts the rescans that found something changed: see machine_is_same(). */
	uint64_t generation;
	/* A package zone comes before the zones inside it. */
	size_t n_zones;
	struct machine_zone zones[MACHINE_ZONES_MAX];
	size_t n_packages;
	struct machine_package packages[MACHINE_PACKAGES_MAX];
	/* Indexed by the kernel's CPU number; owned. */
	size_t n_cpus;
	struct machine_cpu *cpus;
	/* Of each NUMA node, by the kernel's number; 0: not known. */
	size_t n_nodes;
	uint64_t node_memory_kib[MACHINE_NODES_MAX];
};

/*
 * The same zones, packages and CPUs, offline ones too. The memory of nodes may differ:
 * it says nothing of what was measured, and where memory is ballooned it changes often.
 */
bool machine_is_same(const struct machine *a, const struct machine *b);
