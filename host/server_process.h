/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The process that serves a unix socket, to be told something by a signal. Where sockets
 * are made by somebody with fewer rights than the caller, its pid alone may be that of
 * any process by now: what is signalled is the very process whose name was looked at.
 */
#pragma once

#include <sys/types.h>

/*
 * Its pidfd, the caller's to close, if it is called this (at most 15 bytes:
 * /proc/PID/comm). -ESRCH: none, or not to be seen from here. -ENXIO: it is another
 * program; -errno.
 */
int server_process_open(const char *socket_path, const char *name, int *ret_pidfd);

/* As kill(2); 0 only asks whether it could be. */
int server_process_signal(int pidfd, int number);
