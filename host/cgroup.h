/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The text files about control groups, of v1, v2 and hosts that have both (see
 * cgroups(7), Documentation/admin-guide/cgroup-v2.rst, proc_pid_mountinfo(5)).
 * Pure. A hierarchy is named by one of its v1 controllers ("cpuacct"), or NULL:
 * the one of v2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longer paths are treated as none. */
#define CGROUP_PATH_SIZE 1024

/*
 * The path of a task in a hierarchy, from /proc/PID/cgroup, without a '/' at its end
 * unless it is all. -ENOENT: not in this hierarchy, -ENAMETOOLONG.
 */
int cgroup_parse_path(const char *text, size_t len, const char *controller,
	char ret_path[CGROUP_PATH_SIZE]);

/*
 * The directory of that path, from /proc/self/mountinfo: the last mount of the
 * hierarchy that shows it. -ENOENT, -ENAMETOOLONG.
 */
int cgroup_parse_mountinfo(const char *text, size_t len, const char *controller,
	const char *path, char ret_directory[CGROUP_PATH_SIZE]);

/* The deepest group that holds both, from paths of one hierarchy. */
void cgroup_common(const char *a, const char *b, char ret_path[CGROUP_PATH_SIZE]);

/* Cuts off the last component; false: it is the root, which has no parent. */
bool cgroup_ascend(char path[CGROUP_PATH_SIZE]);

/* Whether a path can belong to one domain: the root and what is above it cannot. */
bool cgroup_is_own(const char *path);

/* The next pid of a cgroup.procs file; false at its end and at what is no pid. */
bool cgroup_next_pid(const char **cursor, const char *end, pid_t *ret_pid);

/* usage_usec of a cpu.stat, in ns. -EBADMSG. */
int cgroup_parse_cpu_stat(const char *text, size_t len, uint64_t *ret_cpu_ns);
