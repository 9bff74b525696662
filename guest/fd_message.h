/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Messages with file descriptors between our own processes (SCM_RIGHTS in unix(7)). */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define FD_MESSAGE_FDS_MAX 2

/*
 * Two ends of a socketpair, for the caller to close; who waits at one does so for 10 s
 * at most. -errno.
 */
int fd_message_pair(int *ret_a_fd, int *ret_b_fd);

/*
 * Sends data with copies of n fds, which stay the caller's; flags are of send(2). -errno
 * of it; -EAGAIN: nobody took it for so long.
 */
int fd_message_send(int socket_fd, const void *data, size_t len, const int *fds,
	size_t n_fds, int flags);

/*
 * Takes one message: its length, or 0 when the other end is closed, or -errno of recv(2),
 * which has flags. The n_fds that belong to it are the caller's; all are -1 if it came
 * with another number of them.
 */
ssize_t fd_message_receive(
	int socket_fd, void *data, size_t size, int *ret_fds, size_t n_fds, int flags);
