/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The CPU time of the QEMU domains on this machine, a package at a time.
 *
 * Not measured as vmpower-hostd does: the time is that of the domain's cgroup (v2,
 * cpu.stat), which the kernel sums whatever threads come and go. Threads are looked at
 * only to split it between packages, at each update, which is to be a hundred times as
 * often as hostd's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "shared/uuid.h"
#include "tests/simrapl/cpus.h"

struct domain {
	struct uuid uuid;
	int pid;			    /* of its QEMU, or 0 when that has ended */
	uint64_t cpu_ns[CPUS_MAX_PACKAGES]; /* since the first QEMU of this UUID */
	/* Private. */
	char *group; /* of the cgroup2 file system */
	uint64_t group_ns;
	unsigned package; /* where it last ran */
	struct domain_thread *threads;
	size_t n_threads;
};

struct domains {
	const char *procfs;	 /* borrowed */
	const struct cpus *cpus; /* borrowed */
	char *cgroupfs;
	struct domain *list;
	size_t count;
};

/* -ENOENT where PROCFS/mounts has no cgroup2 file system. */
int domains_init(struct domains *domains, const char *procfs, const struct cpus *cpus);
void domains_deinit(struct domains *domains);

/* Looks for QEMU processes that came. -errno only when PROCFS cannot be read. */
int domains_scan(struct domains *domains);

/* Brings cpu_ns up to date. A domain whose QEMU ended keeps what it had. */
void domains_update(struct domains *domains);
