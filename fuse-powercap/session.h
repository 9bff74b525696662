/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A connection to the kernel's FUSE over a descriptor that somebody else has mounted:
 * libfuse's session without its mount, threads and signals. What is served over it is
 * mount.h's and msr_file.h's.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "shared/cleanup.h"

/* The type and the source to give to mount(2); the flags: nosuid, nodev, noexec. */
#define POWERCAP_SESSION_TYPE	"fuse.vmpower"
#define POWERCAP_SESSION_SOURCE "vmpower"

struct fuse_lowlevel_ops;
struct powercap_session;

/*
 * Writes the data argument of the mount(2) that binds fuse_fd, an open /dev/fuse, to a
 * root of that file type and mode; with context, the label all files get (SELinux), else
 * NULL. Returns its length. -EINVAL: a context with a quote or a backslash;
 * -ENAMETOOLONG: no room.
 */
int powercap_session_format_data(
	int fuse_fd, mode_t root_mode, const char *context, char *data, size_t size);

/*
 * Serves fuse_fd, an open /dev/fuse that is mounted, by those operations, whose size is
 * given; fuse_req_userdata() gives userdata back. The fd is the session's from here on,
 * also on failure, and is made non-blocking; its last copy closed, readers get ENOTCONN.
 * -ENOMEM; -EINVAL: it is not an open fd.
 */
int powercap_session_new(int fuse_fd, const struct fuse_lowlevel_ops *operations,
	size_t operations_size, void *userdata, struct powercap_session **ret_session);
struct powercap_session *powercap_session_free(struct powercap_session *session);

static inline void cleanup_powercap_session_freep(struct powercap_session **session)
{
	powercap_session_free(*session);
}
#define cleanup_powercap_session cleanup(cleanup_powercap_session_freep)

/* The fd to wait on for reading. It stays the session's. */
int powercap_session_fd(const struct powercap_session *session);

/*
 * Answers what has been asked, without waiting, and at most a bounded number of
 * requests a call: when the fd is still readable, call again. -ENODEV: it was
 * unmounted, nothing will come any more; another -errno: the fd is broken.
 */
int powercap_session_process(struct powercap_session *session);
