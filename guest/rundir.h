/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The runtime directory (RUN, /run/vmpower): made by the privileged keeper, written
 * by the unprivileged worker, and locked, so that two agents do not share it.
 */
#pragma once

#include <sys/types.h>

#define RUNDIR_LOCK_NAME "lock"

/*
 * Opens path, and makes it if it is not there (its parent must be). It, with mode
 * 0700, and the worker's files in it become the worker's, uid and gid. *ret_fd is
 * the caller's. -EPERM: others may write to it, or it is neither the worker's
 * already nor one of root's that is empty, or 0700 with nothing but an agent's files
 * in it. -ENOTDIR: also for a symbolic link.
 */
int rundir_open(const char *path, uid_t uid, gid_t gid, int *ret_fd);

/*
 * Holds the directory's lock until *ret_fd, the caller's, is closed. -EWOULDBLOCK:
 * another process has it. A file that nobody holds any more is in nobody's way.
 */
int rundir_lock(int run_fd, int *ret_fd);

/*
 * The process that has it. 0: none, or one of a pid namespace that cannot be seen.
 * Not for the holder: it would lose it.
 */
pid_t rundir_lock_holder(int run_fd);
