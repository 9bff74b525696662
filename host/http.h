/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * hostd's answers over HTTP, in a thread of their own: GET /api/v1/host,
 * /api/v1/domains and /healthz, from the newest snapshot. It never takes longer
 * than a pointer swap from the sampler. Connections and their time are bounded.
 */
#pragma once

#include <stdint.h>

#include "host/snapshot.h"

/*
 * A listening unix stream socket at path, mode 0660, of the group if there is one
 * of that name and this process may give the socket to it. A socket file that
 * nobody serves any more is replaced. *ret_fd is the caller's. -EADDRINUSE: a
 * running daemon serves it; -EEXIST: there is something else than a socket;
 * -ENAMETOOLONG, and those of socket(2), bind(2), listen(2).
 */
int http_listen_unix(const char *path, const char *group, int *ret_fd);

struct http;

/*
 * Serves listen_fd, which stays the caller's, from the box, which must outlive
 * it, until http_stop(). stale_after_ns: /healthz is 503 when the newest snapshot
 * is older. -EIO: libmicrohttpd cannot start (out of threads or descriptors).
 */
int http_start(int listen_fd, struct snapshot_box *box, uint64_t stale_after_ns,
	struct http **ret_http);

/* Ends the thread and all connections. NULL is fine. */
void http_stop(struct http *http);
