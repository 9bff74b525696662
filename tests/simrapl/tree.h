/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A sysfs root in a directory: class/powercap and devices/virtual/powercap as the
 * kernel's intel_rapl driver shows them, and the topology of CPUs and NUMA nodes (a
 * node a package, a core a CPU).
 *
 * Of a regular file only its replacement by rename(2) is atomic: a write in place,
 * however short, may be seen half done. So energy_uj is a new file at each update, and
 * who reads it must open it each time. An fd kept open shows the value at its opening.
 */
#pragma once

#include <stdint.h>

#include "tests/simrapl/cpus.h"

/* What is in a package; one zone of each kind. */
enum tree_kind {
	TREE_PACKAGE,
	TREE_DRAM,
	TREE_N_KINDS,
};

/* The constants of all zones of one kind. */
struct tree_limits {
	uint64_t range_uj;
	uint64_t max_power_uw;
};

struct tree {
	int fd; /* of its directory */
};

/*
 * Makes dir, which must not exist, and all in it; every energy_uj is there, and 0.
 * -errno; what was made so far stays.
 */
int tree_init(struct tree *tree, const char *dir, const struct cpus *cpus,
	const struct tree_limits limits[TREE_N_KINDS]);

/* Leaves the directory as it is. */
void tree_deinit(struct tree *tree);

/*
 * Replaces energy_uj of one zone, unless there is DIR/hold/ZONE (such as
 * DIR/hold/intel-rapl:0:0): a held zone's file is the test's, to remove or to break.
 */
int tree_set_energy(const struct tree *tree, unsigned package, enum tree_kind kind,
	uint64_t energy_uj);
