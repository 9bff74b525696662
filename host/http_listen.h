/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The sockets that hostd's HTTP servers listen on. Non-blocking, closed on exec. */
#pragma once

#include <sys/socket.h>

/*
 * A listening unix stream socket at path, mode 0660, of the group if there is one
 * of that name and this process may give the socket to it. A socket file that
 * nobody serves any more is replaced. *ret_fd is the caller's. -EADDRINUSE: a
 * running daemon serves it; -EEXIST: there is something else than a socket;
 * -ENAMETOOLONG, and those of socket(2), bind(2), listen(2).
 */
int http_listen_unix(const char *path, const char *group, int *ret_fd);

/*
 * What a connection may have on the way, in bytes. The kernel would take megabytes from a
 * client that asks again and again and does not read: all of it made, copied and kept,
 * while others wait.
 */
#define HTTP_SEND_BUFFER (128 * 1024)

/* One at an IPv4 or IPv6 address and port. *ret_fd is the caller's. -errno of the calls.
 */
int http_listen_tcp(const struct sockaddr *address, socklen_t len, int *ret_fd);
