/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where the memory of one process is resident, hugetlb included.
 *
 * How much it is /proc/PID/status tells. On which nodes, where there are several: the
 * control group's memory.numa_stat and hugetlb.<size>.numa_stat. Of numa_maps, for
 * which the kernel walks all page tables and holds the lock of the address space (9 ms
 * for each GiB of 4 KiB pages), only huge pages are taken, where no control group tells
 * of them, and only while there is little else to walk.
 *
 * All of these may block: this is nothing for a tick.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "host/domain_cgroup.h"
#include "host/machine.h"

struct process_memory_config {
	const char *procfs;
	struct cgroup_mounts mounts;
	/* All memory is on this node; -1: there are several. */
	int only_node;
};

/*
 * Sets ret_kib by node; all 0: on which nodes it is nobody knows. -ESRCH: there is no
 * process with that pid and start time (any more); -errno.
 */
int process_memory_read(const struct process_memory_config *config, pid_t pid,
	uint64_t start_ticks, uint64_t ret_kib[MACHINE_NODES_MAX]);
