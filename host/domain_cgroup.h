/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The control group of one domain, found from where its QEMU is and never from
 * what groups are called: QEMU's helpers (virtiofsd, swtpm) are in it too. Whether
 * all that is in it belongs to the domain, the caller has to see.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/cgroup.h"

/* What else is in a group with more processes than these is left out. */
#define DOMAIN_CGROUP_PIDS_MAX 256

/* Where the hierarchies are mounted: the text of PROCFS/self/mountinfo. */
struct cgroup_mounts {
	char *text; /* owned */
	size_t len;
};

struct domain_cgroup {
	bool v2;
	bool counts_cpu; /* domain_cgroup_read_cpu() can work */
	char directory[CGROUP_PATH_SIZE];
	/* v1: the group of QEMU's first thread, below or same; v2: "". */
	char first_directory[CGROUP_PATH_SIZE];
};

/* Frees what was there. -errno leaves it as it was. */
int cgroup_mounts_read(const char *procfs, struct cgroup_mounts *mounts);
void cgroup_mounts_deinit(struct cgroup_mounts *mounts);

/* v2, then those of v1 that libvirt may use, the one that counts CPU time first. */
#define DOMAIN_CGROUP_HIERARCHIES 4

/*
 * The group of the QEMU with this pid in one of the hierarchies. v2: the first one
 * up from its own that is not threaded. v1: the one that holds both its first thread
 * and the one of a vCPU (vcpu_tid; the same pid where none is known), which libvirt
 * puts into groups of their own below it. -ENOENT: it is in the root there, or the
 * hierarchy is not mounted; -errno.
 */
int domain_cgroup_find(const char *procfs, const struct cgroup_mounts *mounts, pid_t pid,
	pid_t vcpu_tid, unsigned hierarchy, struct domain_cgroup *ret_cgroup);

/*
 * The directory of the group that accounts for a process in a file: of a v1 controller
 * ("memory"), the group it is in, whether the file is there or not. NULL: of v2, the
 * first one up that is not threaded and has the file, but none that holds more than
 * those below it: -ENOENT. As domain_cgroup_find().
 */
int domain_cgroup_find_file(const char *procfs, const struct cgroup_mounts *mounts,
	pid_t pid, const char *controller, const char *file,
	char ret_directory[CGROUP_PATH_SIZE]);

/* The pids in it, each once or twice. Returns how many, or -errno. */
int domain_cgroup_list(
	const struct domain_cgroup *cgroup, pid_t ret_pids[DOMAIN_CGROUP_PIDS_MAX]);

/* CPU time of all in it and below since it was made. -errno; -EBADMSG. */
int domain_cgroup_read_cpu(const struct domain_cgroup *cgroup, uint64_t *ret_cpu_ns);
