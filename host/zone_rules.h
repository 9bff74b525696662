/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * From the zones that were found and the topology to the machine: which zones
 * count, what they are called, and which CPUs each package zone powers. Pure.
 *
 * The names are those of drivers/powercap/intel_rapl_common.c: package-N,
 * package-N-die-M, dram, core, uncore, psys.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/topology.h"

#define ZONE_RULES_PATH_SIZE 256
#define ZONE_RULES_FOUND_MAX 256

struct zone_found {
	/* Directory below SYSFS/class/powercap: "intel-rapl:0/intel-rapl:0:0". */
	char path[ZONE_RULES_PATH_SIZE];
	char name[MACHINE_ZONE_NAME_SIZE]; /* what its name file says */
	int16_t parent;		      /* index of the zone its directory is in, or -1 */
	uint64_t max_energy_range_uj; /* 0: unknown */
	uint64_t max_power_uw;	      /* 0: unknown */
};

/*
 * Fills machine (all but generation) and, per machine zone, the index into found
 * that it came from. One package entry for each socket (or die, where the socket
 * has a zone for each die) that has a zone or an online CPU. Of two zones that
 * mean the same the first counts, those of intel-rapl-mmio last; zones of other
 * names are left out, and so are zones without a package and what exceeds
 * MACHINE_ZONES_MAX. With one_zone_per_socket (AMD and Hygon: each die's zone
 * reads the counter of the socket) dies are duplicates too.
 *
 * machine->cpus is allocated here; -ENOMEM; -E2BIG over MACHINE_PACKAGES_MAX
 * packages. On failure machine is untouched.
 */
int zone_rules_apply(const struct zone_found *found, size_t n_found,
	const struct topology *topology, bool one_zone_per_socket,
	struct machine *machine, uint16_t ret_source[MACHINE_ZONES_MAX]);

/* Whether a zone of this name can be one of the machine's. */
bool zone_rules_know(const char *name);

/* Whether PROCFS/cpuinfo tells of AMD or Hygon: vendor_id of its first CPU. */
bool zone_rules_one_zone_per_socket(const char *cpuinfo, size_t len);
