/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Memory of one process, by node. */
#include "host/process_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/numa_text.h"
#include "host/task.h"
#include "shared/cleanup.h"
#include "shared/rooted.h"

#define FILE_SIZE 16384

/* numa_maps is left alone where so much is in small pages: 36 ms of the lock. */
#define WALK_MAX_KIB (4u << 20)

/* Of the sizes there are on x86, and of arm64 with 4 KiB pages. */
static const char *const hugetlb_sizes[] = { "2MB", "1GB", "64KB", "32MB" };

static int check_identity(const char *procfs, pid_t pid, uint64_t start_ticks)
{
	struct task_stat stat;
	char text[1024];
	ssize_t n = rooted_read(procfs, text, sizeof(text), "%d/stat", pid);
	int r;

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	r = task_parse_stat(text, (size_t)n, &stat);
	if (r < 0)
		return r;
	return stat.start_ticks == start_ticks ? 0 : -ESRCH;
}

static int read_status(
	const char *procfs, pid_t pid, uint64_t *ret_rss_kib, uint64_t *ret_hugetlb_kib)
{
	char text[FILE_SIZE];
	ssize_t n = rooted_read(procfs, text, sizeof(text), "%d/status", pid);

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	return numa_parse_status(text, (size_t)n, ret_rss_kib, ret_hugetlb_kib);
}

/* A file of the control group where v2, or a controller of v1, accounts for the process.
 */
static ssize_t read_group(const struct process_memory_config *config, pid_t pid, bool v2,
	const char *controller, const char *file, char text[FILE_SIZE])
{
	char directory[CGROUP_PATH_SIZE];
	int r = domain_cgroup_find_file(config->procfs, &config->mounts, pid,
		v2 ? NULL : controller, file, directory);

	return r < 0 ? r : rooted_read(directory, text, FILE_SIZE, "%s", file);
}

static void add_memory_groups(const struct process_memory_config *config, pid_t pid,
	uint64_t parts[MACHINE_NODES_MAX])
{
	char text[FILE_SIZE];

	for (int v2 = 1; v2 >= 0; v2--) {
		ssize_t n = read_group(
			config, pid, v2, "memory", "memory.numa_stat", text);

		if (n < 0)
			continue;
		numa_add_memory_stat(text, (size_t)n, parts);
		return;
	}
}

/* false: no control group tells of huge pages. */
static bool add_hugetlb_groups(const struct process_memory_config *config, pid_t pid,
	uint64_t parts[MACHINE_NODES_MAX])
{
	bool found = false;

	for (int v2 = 1; v2 >= 0 && !found; v2--) {
		for (size_t i = 0; i < sizeof(hugetlb_sizes) / sizeof(hugetlb_sizes[0]);
			i++) {
			char text[FILE_SIZE], file[64];
			ssize_t n;

			snprintf(file, sizeof(file), "hugetlb.%s.numa_stat",
				hugetlb_sizes[i]);
			n = read_group(config, pid, v2, "hugetlb", file, text);
			if (n < 0)
				continue;
			numa_add_hugetlb_stat(text, (size_t)n, parts);
			found = true;
		}
	}
	return found;
}

static void add_huge_maps(
	const char *procfs, pid_t pid, uint64_t parts[MACHINE_NODES_MAX])
{
	cleanup_close int fd = rooted_open(procfs, "%d/numa_maps", pid);
	cleanup_fclose FILE *file = NULL;
	cleanup_free char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (fd < 0)
		return;
	file = fdopen(fd, "r");
	if (!file)
		return;
	steal_fd(&fd);
	while ((n = getline(&line, &size, file)) > 0)
		numa_add_huge_map(line, (size_t)n - (line[n - 1] == '\n'), parts);
}

static uint64_t sum_of(const uint64_t parts[MACHINE_NODES_MAX])
{
	uint64_t sum = 0;

	for (size_t n = 0; n < MACHINE_NODES_MAX; n++)
		sum += parts[n];
	return sum;
}

/* Adds an amount, by node as the parts are. */
static void spread(uint64_t kib, const uint64_t parts[MACHINE_NODES_MAX],
	uint64_t ret_kib[MACHINE_NODES_MAX])
{
	uint64_t sum = sum_of(parts);

	for (size_t n = 0; n < MACHINE_NODES_MAX && sum > 0; n++)
		ret_kib[n] += (uint64_t)((unsigned __int128)kib * parts[n] / sum);
}

/* Small pages and huge ones apart; where one is not told, it is where the other is. */
static void find_nodes(const struct process_memory_config *config, pid_t pid,
	uint64_t rss_kib, uint64_t hugetlb_kib, uint64_t kib[MACHINE_NODES_MAX])
{
	uint64_t small[MACHINE_NODES_MAX] = { 0 }, huge[MACHINE_NODES_MAX] = { 0 };

	add_memory_groups(config, pid, small);
	if (hugetlb_kib > 0 && !add_hugetlb_groups(config, pid, huge) &&
		rss_kib <= WALK_MAX_KIB)
		add_huge_maps(config->procfs, pid, huge);
	spread(rss_kib, sum_of(small) > 0 ? small : huge, kib);
	spread(hugetlb_kib, sum_of(huge) > 0 ? huge : small, kib);
}

int process_memory_read(const struct process_memory_config *config, pid_t pid,
	uint64_t start_ticks, uint64_t ret_kib[MACHINE_NODES_MAX])
{
	uint64_t kib[MACHINE_NODES_MAX] = { 0 };
	uint64_t rss_kib, hugetlb_kib;
	int r = read_status(config->procfs, pid, &rss_kib, &hugetlb_kib);

	if (r < 0)
		return r;
	if (config->only_node >= 0)
		kib[config->only_node] = rss_kib + hugetlb_kib;
	else
		find_nodes(config, pid, rss_kib, hugetlb_kib, kib);
	/* Last: then all of it was this process's. */
	r = check_identity(config->procfs, pid, start_ticks);
	if (r == 0)
		memcpy(ret_kib, kib, sizeof(kib));
	return r;
}
