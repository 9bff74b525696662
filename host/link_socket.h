/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The unix socket that QEMU listens on for one channel: connecting to it, and who
 * is there. It reads and writes nothing.
 */
#pragma once

#include <sys/types.h>

/*
 * Connects without waiting, to a path of any length up to PATH_MAX. Returns a
 * non-blocking fd that the caller owns, or -errno; -EAGAIN: others are waiting
 * there to be served already.
 */
int link_socket_connect(const char *path);

/* The process that listens at the other end, or -errno; -ESRCH: not to be seen from here.
 */
int link_socket_get_peer(int fd, pid_t *ret_pid);
