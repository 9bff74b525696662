/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The files of /proc about CPUs, threads and processes, from arbitrary bytes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "host/numa_text.h"
#include "host/procstat.h"
#include "host/task.h"
#include "host/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t parts[MACHINE_NODES_MAX] = { 0 }, rss_kib, hugetlb_kib;
	static const struct uuid uuid;
	const char *text = (const char *)data;
	uint64_t cpu_ns, timeslices;
	struct sample_cpu cpus[8];
	struct task_stat stat;
	uint16_t index;

	assert(procstat_parse(text, size, 10000000, cpus, 8) <= (int)size);
	(void)task_parse_schedstat(text, size, &cpu_ns, &timeslices);
	(void)task_cmdline_is_domain(text, size, &uuid);
	if (task_parse_stat(text, size, &stat) == 0) {
		assert(strlen(stat.comm) < TASK_COMM_SIZE);
		assert(task_kind(stat.comm, &index) <= SAMPLE_THREAD_VHOST);
		assert(task_owner(stat.comm) >= 0);
	}
	(void)numa_parse_status(text, size, &rss_kib, &hugetlb_kib);
	numa_add_memory_stat(text, size, parts);
	numa_add_hugetlb_stat(text, size, parts);
	numa_add_huge_map(text, size, parts);
	(void)topology_parse_meminfo(text, size);
	return 0;
}
