/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The CPU time of QEMU domains, from their cgroups; split between packages by thread. */
#include "tests/simrapl/domains.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* QEMU's command line, which libvirt makes about 3 KiB long. */
#define CMDLINE_SIZE 65536

struct domain_thread {
	uint64_t tid;
	uint64_t cpu_ns;
};

static char *find_cgroupfs(const char *procfs)
{
	char path[PATH_MAX], *line = NULL, *found = NULL;
	cleanup_fclose FILE *file = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/mounts", procfs);
	file = fopen(path, "re");
	while (file && !found && getline(&line, &size, file) >= 0) {
		char where[PATH_MAX], type[64];

		if (sscanf(line, "%*s %4095s %63s", where, type) == 2 &&
			strcmp(type, "cgroup2") == 0)
			found = strdup(where);
	}
	free(line);
	return found;
}

int domains_init(struct domains *domains, const char *procfs, const struct cpus *cpus)
{
	char *cgroupfs = find_cgroupfs(procfs);

	if (!cgroupfs)
		return -ENOENT;
	*domains = (struct domains){
		.procfs = procfs, .cpus = cpus, .cgroupfs = cgroupfs
	};
	return 0;
}

void domains_deinit(struct domains *domains)
{
	for (size_t i = 0; i < domains->count; i++) {
		free(domains->list[i].group);
		free(domains->list[i].threads);
	}
	free(domains->list);
	free(domains->cgroupfs);
	*domains = (struct domains){ 0 };
}

/* The argument behind "-uuid". */
static int read_uuid(const char *procfs, int pid, struct uuid *ret_uuid)
{
	cleanup_free char *text = malloc(CMDLINE_SIZE);
	const char *argument, *end;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	n = rooted_read(procfs, text, CMDLINE_SIZE, "%d/cmdline", pid);
	if (n < 0)
		return (int)n;
	end = text + n;
	for (argument = text; argument < end; argument += strlen(argument) + 1) {
		if (strcmp(argument, "-uuid") == 0 && argument + 6 < end)
			return uuid_parse(argument + 6, ret_uuid);
	}
	return -ENOENT;
}

/*
 * The domain's own group: threads are in threaded groups below it, or below a group
 * "libvirt" (pure v2) in it.
 */
static char *find_group(const struct domains *domains, int pid)
{
	char text[PATH_MAX], type[32];
	char *path, *slash;

	if (rooted_read(domains->procfs, text, sizeof(text), "%d/cgroup", pid) < 0)
		return NULL;
	path = strstr(text, "0::/");
	if (!path || (path != text && path[-1] != '\n'))
		return NULL;
	path += 3;
	path[strcspn(path, "\n")] = '\0';
	while (rooted_read(domains->cgroupfs, type, sizeof(type), "%s/cgroup.type",
		       path) > 0 &&
		strcmp(type, "threaded\n") == 0)
		*strrchr(path, '/') = '\0';
	slash = strrchr(path, '/');
	if (slash && strcmp(slash, "/libvirt") == 0)
		*slash = '\0';
	return strdup(path);
}

/* The one of that UUID, or a new one; NULL when out of memory. */
static struct domain *get_domain(struct domains *domains, const struct uuid *uuid)
{
	struct domain *list;

	for (size_t i = 0; i < domains->count; i++) {
		if (uuid_compare(&domains->list[i].uuid, uuid) == 0)
			return &domains->list[i];
	}
	list = reallocarray(domains->list, domains->count + 1, sizeof(*list));
	if (!list)
		return NULL;
	domains->list = list;
	list[domains->count] = (struct domain){ .uuid = *uuid };
	return &list[domains->count++];
}

static void consider_process(struct domains *domains, int pid)
{
	struct domain *domain;
	struct uuid uuid;
	char *group;

	for (size_t i = 0; i < domains->count; i++) {
		if (domains->list[i].pid == pid)
			return;
	}
	if (read_uuid(domains->procfs, pid, &uuid) < 0)
		return;
	group = find_group(domains, pid);
	if (!group)
		return;
	domain = get_domain(domains, &uuid);
	if (!domain) {
		free(group);
		return;
	}
	free(domain->group);
	free(domain->threads);
	domain->pid = pid;
	domain->group = group;
	domain->group_ns = 0;
	domain->threads = NULL;
	domain->n_threads = 0;
}

int domains_scan(struct domains *domains)
{
	cleanup_closedir DIR *dir = opendir(domains->procfs);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		uint64_t pid;

		if (number_parse_range(entry->d_name, 1, INT_MAX, &pid) == 0)
			consider_process(domains, (int)pid);
	}
	return 0;
}

static int read_group_ns(
	const struct domains *domains, const char *group, uint64_t *ret_ns)
{
	static const char key[] = "usage_usec ";
	char text[1024];
	const char *value;
	uint64_t usec;
	ssize_t n;
	int r;

	n = rooted_read(domains->cgroupfs, text, sizeof(text), "%s/cpu.stat", group);
	if (n < 0)
		return (int)n;
	value = strstr(text, key);
	if (!value)
		return -EINVAL;
	value += strlen(key);
	r = number_scan_u64(&value, text + n, &usec);
	if (r == 0)
		*ret_ns = usec * 1000;
	return r;
}

/* Field 39 of stat, proc_pid_stat(5); the name in field 2 may hold anything. */
static int read_last_cpu(const char *procfs, int pid, uint64_t tid, uint64_t *ret_cpu)
{
	const char *cursor;
	char text[1024];
	ssize_t n;

	n = rooted_read(procfs, text, sizeof(text), "%d/task/%" PRIu64 "/stat", pid, tid);
	if (n < 0)
		return (int)n;
	cursor = strrchr(text, ')');
	for (int field = 2; cursor && field < 39; field++)
		cursor = strchr(cursor + 1, ' ');
	if (!cursor)
		return -EINVAL;
	cursor++;
	return number_scan_u64(&cursor, text + n, ret_cpu);
}

static uint64_t thread_cpu_ns(const struct domain *domain, uint64_t tid)
{
	for (size_t i = 0; i < domain->n_threads; i++) {
		if (domain->threads[i].tid == tid)
			return domain->threads[i].cpu_ns;
	}
	return 0;
}

/* Adds what the thread ran since the last time to the package it is on now. */
static int measure_thread(const struct domains *domains, const struct domain *domain,
	uint64_t tid, struct domain_thread *ret_thread,
	uint64_t ran_ns[CPUS_MAX_PACKAGES])
{
	uint64_t cpu_ns, before_ns = thread_cpu_ns(domain, tid), cpu;
	const char *cursor;
	char text[128];
	ssize_t n;

	n = rooted_read(domains->procfs, text, sizeof(text),
		"%d/task/%" PRIu64 "/schedstat", domain->pid, tid);
	if (n < 0)
		return (int)n;
	cursor = text;
	if (number_scan_u64(&cursor, text + n, &cpu_ns) < 0)
		return -EINVAL;
	*ret_thread = (struct domain_thread){ tid, cpu_ns };
	if (cpu_ns <= before_ns)
		return 0;
	if (read_last_cpu(domains->procfs, domain->pid, tid, &cpu) == 0 &&
		cpu < domains->cpus->count)
		ran_ns[domains->cpus->package[cpu]] += cpu_ns - before_ns;
	return 0;
}

static void measure_threads(const struct domains *domains, struct domain *domain,
	uint64_t ran_ns[CPUS_MAX_PACKAGES])
{
	cleanup_closedir DIR *dir = NULL;
	struct domain_thread *threads = NULL;
	struct dirent *entry;
	char path[PATH_MAX];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%d/task", domains->procfs, domain->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		struct domain_thread *more;
		uint64_t tid;

		if (number_parse_range(entry->d_name, 1, INT_MAX, &tid) < 0)
			continue;
		more = reallocarray(threads, n + 1, sizeof(*threads));
		if (!more)
			break;
		threads = more;
		if (measure_thread(domains, domain, tid, &threads[n], ran_ns) == 0)
			n++;
	}
	free(domain->threads);
	domain->threads = threads;
	domain->n_threads = n;
}

/* Splits delta_ns as the threads ran; what is over goes to the package of most. */
static void split(struct domain *domain, uint64_t delta_ns,
	const uint64_t ran_ns[CPUS_MAX_PACKAGES], unsigned n_packages)
{
	uint64_t sum_ns = 0, left_ns = delta_ns, most_ns = 0;

	for (unsigned p = 0; p < n_packages; p++) {
		sum_ns += ran_ns[p];
		if (ran_ns[p] > most_ns) {
			most_ns = ran_ns[p];
			domain->package = p;
		}
	}
	for (unsigned p = 0; sum_ns && p < n_packages; p++) {
		uint64_t part_ns = (uint64_t)((unsigned __int128)delta_ns * ran_ns[p] /
					      sum_ns);

		domain->cpu_ns[p] += part_ns;
		left_ns -= part_ns;
	}
	domain->cpu_ns[domain->package] += left_ns;
}

void domains_update(struct domains *domains)
{
	for (size_t i = 0; i < domains->count; i++) {
		struct domain *domain = &domains->list[i];
		uint64_t ran_ns[CPUS_MAX_PACKAGES] = { 0 }, now_ns = 0;

		if (domain->pid == 0)
			continue;
		if (read_group_ns(domains, domain->group, &now_ns) < 0) {
			domain->pid = 0;
			continue;
		}
		if (domains->cpus->n_packages > 1)
			measure_threads(domains, domain, ran_ns);
		if (now_ns > domain->group_ns)
			split(domain, now_ns - domain->group_ns, ran_ns,
				domains->cpus->n_packages);
		domain->group_ns = now_ns;
	}
}
