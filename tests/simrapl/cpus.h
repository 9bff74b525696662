/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which CPU is in which package, and how long each has been busy. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX	  1024u
#define CPUS_MAX_PACKAGES 16u

/* Packages are numbered from 0 here; package_id is what the kernel calls them. */
struct cpus {
	unsigned count;
	uint8_t package[CPUS_MAX]; /* of each CPU */
	unsigned n_packages;
	unsigned package_id[CPUS_MAX_PACKAGES];
};

/* One package id a CPU, as in "0,0,1,1". -EINVAL, or -ERANGE for too many. */
int cpus_parse(const char *text, struct cpus *ret_cpus);

/* From SYSFS/devices/system/cpu/cpuN/topology/physical_package_id. */
int cpus_read(const char *sysfs, struct cpus *ret_cpus);

/*
 * Busy nanoseconds of each package since boot, from the text of PROCFS/stat
 * (proc_stat(5)): user, nice, system, irq and softirq, not iowait, not steal.
 * -EINVAL for text of another shape, or when the CPUs in it are not those in cpus.
 */
int cpus_parse_busy(const struct cpus *cpus, const char *text, uint64_t ns_per_tick,
	uint64_t ret_busy_ns[CPUS_MAX_PACKAGES]);
