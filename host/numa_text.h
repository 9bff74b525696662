/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How much memory, and on which NUMA nodes, from the text of kernel files. What they
 * say by node is added to parts[], by the kernel's numbers, those from
 * MACHINE_NODES_MAX on left out. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"

/*
 * VmRSS and HugetlbPages (which VmRSS has not) of /proc/PID/status, in KiB; see
 * proc_pid_status(5). -EBADMSG: there is no VmRSS, as of a process that has no memory
 * (any more).
 */
int numa_parse_status(
	const char *text, size_t len, uint64_t *ret_rss_kib, uint64_t *ret_hugetlb_kib);

/*
 * Of memory.numa_stat (cgroup-v2.rst, v1: memory.rst) what is a process's own: anon
 * and shmem, not its page cache. The unit is bytes in v2, pages in v1.
 */
void numa_add_memory_stat(
	const char *text, size_t len, uint64_t parts[MACHINE_NODES_MAX]);

/* Of hugetlb.<size>.numa_stat, in bytes. */
void numa_add_hugetlb_stat(
	const char *text, size_t len, uint64_t parts[MACHINE_NODES_MAX]);

/* Of a line of /proc/PID/numa_maps, if it is of huge pages, in KiB; see numa(7). */
void numa_add_huge_map(const char *line, size_t len, uint64_t parts[MACHINE_NODES_MAX]);
