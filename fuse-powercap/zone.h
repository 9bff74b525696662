/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The zones of the one control type, intel-rapl, and what of them never changes:
 * names, ranges, constraints. Pure; energy is in virtual.h, files are in tree.h.
 *
 * After drivers/powercap/intel_rapl_common.c: one package-N per socket, its only
 * child is dram. The limits are those of a machine whose BIOS has locked them:
 * they can be read, and say nothing about the host's.
 */
#pragma once

#include <stdint.h>

/* 16 sockets of package and dram. */
#define POWERCAP_ZONES_MAX    32
#define POWERCAP_PACKAGES_MAX 16
/* "package-15" and the NUL. */
#define POWERCAP_ZONE_NAME_SIZE 16
/* "intel-rapl:f:0" and the NUL. */
#define POWERCAP_ZONE_ID_SIZE 24
/* The parent of a package. */
#define POWERCAP_ZONE_NO_PARENT (-1)

struct powercap_zone {
	char name[POWERCAP_ZONE_NAME_SIZE];
	uint64_t max_energy_range_uj;
	/* Its package's place in the model, or POWERCAP_ZONE_NO_PARENT. */
	int parent;
	/* Its number among its siblings, as in the name of its directory. */
	unsigned int index;
};

/* A plain value; all zero is a model without zones. */
struct powercap_model {
	unsigned int n_zones;
	struct powercap_zone zones[POWERCAP_ZONES_MAX];
};

struct powercap_constraint {
	const char *name;
	uint64_t power_limit_uw;
	uint64_t time_window_us;
	uint64_t max_power_uw;
};

/*
 * Adds a zone behind the others; its place is the zone number used everywhere
 * else. Packages come in order: package-0, package-1, ... with parent
 * POWERCAP_ZONE_NO_PARENT. A dram names a package added before it, which has none
 * yet. -EINVAL: another name, order or parent, or a range below 2 or over
 * INT64_MAX; -ENOSPC: POWERCAP_ZONES_MAX or POWERCAP_PACKAGES_MAX is reached.
 */
int powercap_model_add(struct powercap_model *model, const char *name,
	uint64_t max_energy_range_uj, int parent);

/* Constraint 0, 1, ... of a zone; NULL behind its last. Static. */
const struct powercap_constraint *powercap_zone_constraint(
	const struct powercap_zone *zone, unsigned int id);

/* The name of its directory, "intel-rapl:a" or "intel-rapl:a:0": ids are hex. */
void powercap_model_format_id(const struct powercap_model *model, unsigned int zone,
	char id[POWERCAP_ZONE_ID_SIZE]);
