/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The msr file of one CPU, served over /dev/fuse in place of the kernel's (msr(4)): its
 * offset is the register's number, eight bytes are its value. RAPL registers are msr.h's
 * and locked, all others the real device's. It is the root of a mount of its own.
 *
 * What differs from the device: it is a regular file, so read(2) and write(2) move the
 * offset on (pread(2) and pwrite(2) are what tools use), one call is one register, and
 * there is no ioctl(2).
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "fuse-powercap/msr.h"
#include "shared/cleanup.h"

struct msr_file_options {
	struct msr_cpu cpu;
	/* The real device, open for reading and writing; the caller's. */
	int device_fd;
	/* Permission bits, user, group and times are the file's. */
	struct stat attributes;
	/*
	 * Whether that process may open it; as the device asks for CAP_SYS_RAWIO besides
	 * its permissions, which the kernel checks. 0: one that has no number here.
	 */
	bool (*may_open)(void *context, pid_t pid);
	void *context;
};

struct msr_file;

/*
 * Serves fuse_fd, which is mounted with a root that is a regular file, and is the file's
 * from here on, also on failure. What options name must outlive the file. -ENOMEM;
 * -EINVAL: not an open fd.
 */
int msr_file_new(
	int fuse_fd, const struct msr_file_options *options, struct msr_file **ret_file);
struct msr_file *msr_file_free(struct msr_file *file);

static inline void cleanup_msr_file_freep(struct msr_file **file)
{
	msr_file_free(*file);
}
#define cleanup_msr_file cleanup(cleanup_msr_file_freep)

/* As powercap_session_fd() and powercap_session_process(). */
int msr_file_fd(const struct msr_file *file);
int msr_file_process(struct msr_file *file);
