/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The control group of one domain. */
#include "host/domain_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define MOUNTINFO_MAX (1u << 20)
#define FILE_SIZE     8192

int cgroup_mounts_read(const char *procfs, struct cgroup_mounts *mounts)
{
	cleanup_free char *text = NULL;
	ssize_t n = -EFBIG;

	for (size_t size = 16384; n == -EFBIG && size <= MOUNTINFO_MAX; size *= 4) {
		free(text);
		text = malloc(size);
		if (!text)
			return -ENOMEM;
		n = rooted_read(procfs, text, size, "self/mountinfo");
	}
	if (n < 0)
		return (int)n;
	free(mounts->text);
	mounts->text = steal_pointer(&text);
	mounts->len = (size_t)n;
	return 0;
}

void cgroup_mounts_deinit(struct cgroup_mounts *mounts)
{
	free(mounts->text);
	*mounts = (struct cgroup_mounts){ 0 };
}

static int directory_of(const struct cgroup_mounts *mounts, const char *controller,
	const char *path, char ret_directory[CGROUP_PATH_SIZE])
{
	return cgroup_parse_mountinfo(
		mounts->text, mounts->len, controller, path, ret_directory);
}

static bool is_threaded(const char *directory)
{
	char text[64];

	return rooted_read(directory, text, sizeof(text), "cgroup.type") > 0 &&
	       strcmp(text, "threaded\n") == 0;
}

/* From path up, which it sets to what it found. */
static int find_v2(const struct cgroup_mounts *mounts, char path[CGROUP_PATH_SIZE],
	struct domain_cgroup *cgroup)
{
	do {
		int r;

		if (!cgroup_is_own(path))
			return -ENOENT;
		r = directory_of(mounts, NULL, path, cgroup->directory);
		if (r < 0)
			return r;
	} while (is_threaded(cgroup->directory) && cgroup_ascend(path));
	return 0;
}

static int find_v1(const struct cgroup_mounts *mounts, const char *controller,
	const char *first_path, const char *vcpu_path, struct domain_cgroup *cgroup)
{
	char path[CGROUP_PATH_SIZE];
	int r;

	cgroup_common(first_path, vcpu_path, path);
	if (!cgroup_is_own(path))
		return -ENOENT;
	r = directory_of(mounts, controller, first_path, cgroup->first_directory);
	if (r < 0)
		return r;
	return directory_of(mounts, controller, path, cgroup->directory);
}

/* The path of one task in one hierarchy. */
static int read_path(const char *procfs, pid_t pid, pid_t tid, const char *controller,
	char ret_path[CGROUP_PATH_SIZE])
{
	char text[FILE_SIZE];
	ssize_t n;

	n = rooted_read(procfs, text, sizeof(text), "%d/task/%d/cgroup", pid, tid);
	return n < 0 ? (int)n : cgroup_parse_path(text, (size_t)n, controller, ret_path);
}

int domain_cgroup_find(const char *procfs, const struct cgroup_mounts *mounts, pid_t pid,
	pid_t vcpu_tid, unsigned hierarchy, struct domain_cgroup *ret_cgroup)
{
	static const char *const controllers[DOMAIN_CGROUP_HIERARCHIES] = { NULL,
		"cpuacct", "cpu", "name=systemd" };
	const char *controller = controllers[hierarchy];
	char first[CGROUP_PATH_SIZE] = "", vcpu[CGROUP_PATH_SIZE];
	struct domain_cgroup found = { .v2 = !controller, .counts_cpu = hierarchy < 2 };
	int r;

	r = read_path(procfs, pid, pid, controller, first);
	if (r == 0 && controller)
		r = read_path(procfs, pid, vcpu_tid, controller, vcpu);
	if (r < 0)
		return r;
	r = controller ? find_v1(mounts, controller, first, vcpu, &found)
		       : find_v2(mounts, first, &found);
	if (r == 0)
		*ret_cgroup = found;
	return r;
}

static bool has_file(const char *directory, const char *file)
{
	cleanup_close int fd = rooted_open(directory, "%s", file);

	return fd >= 0;
}

/* Whether there is one group below it: then what is in that is all there is in it. */
static bool has_one_child(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	size_t n = 0;

	if (!dir)
		return false;
	while (n < 2 && (entry = readdir(dir)))
		n += entry->d_type == DT_DIR && entry->d_name[0] != '.';
	closedir(dir);
	return n == 1;
}

/* Controllers need not be enabled as far down as processes are. */
static int find_v2_file(const struct cgroup_mounts *mounts, char path[CGROUP_PATH_SIZE],
	const char *file, struct domain_cgroup *cgroup)
{
	int r = find_v2(mounts, path, cgroup);

	while (r == 0 && !has_file(cgroup->directory, file)) {
		if (!cgroup_ascend(path))
			return -ENOENT;
		r = find_v2(mounts, path, cgroup);
		if (r == 0 && !has_one_child(cgroup->directory))
			return -ENOENT;
	}
	return r;
}

int domain_cgroup_find_file(const char *procfs, const struct cgroup_mounts *mounts,
	pid_t pid, const char *controller, const char *file,
	char ret_directory[CGROUP_PATH_SIZE])
{
	struct domain_cgroup found = { 0 };
	char path[CGROUP_PATH_SIZE];
	int r = read_path(procfs, pid, pid, controller, path);

	if (r < 0)
		return r;
	r = controller ? find_v1(mounts, controller, path, path, &found)
		       : find_v2_file(mounts, path, file, &found);
	if (r == 0)
		memcpy(ret_directory, found.directory, sizeof(found.directory));
	return r;
}

static int list_in(const char *directory, pid_t pids[DOMAIN_CGROUP_PIDS_MAX], int n)
{
	char text[DOMAIN_CGROUP_PIDS_MAX * 12];
	const char *cursor = text;
	ssize_t len = rooted_read(directory, text, sizeof(text), "cgroup.procs");

	if (len < 0)
		return (int)len;
	while (n < DOMAIN_CGROUP_PIDS_MAX &&
		cgroup_next_pid(&cursor, text + len, &pids[n]))
		n++;
	return n;
}

int domain_cgroup_list(
	const struct domain_cgroup *cgroup, pid_t ret_pids[DOMAIN_CGROUP_PIDS_MAX])
{
	int n = list_in(cgroup->directory, ret_pids, 0);

	if (n < 0 || cgroup->v2 ||
		strcmp(cgroup->directory, cgroup->first_directory) == 0)
		return n;
	return list_in(cgroup->first_directory, ret_pids, n);
}

int domain_cgroup_read_cpu(const struct domain_cgroup *cgroup, uint64_t *ret_cpu_ns)
{
	char text[2048];
	ssize_t n;

	if (!cgroup->v2)
		return rooted_read_u64(cgroup->directory, ret_cpu_ns, "cpuacct.usage");
	n = rooted_read(cgroup->directory, text, sizeof(text), "cpu.stat");
	return n < 0 ? (int)n : cgroup_parse_cpu_stat(text, (size_t)n, ret_cpu_ns);
}
