/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * hostd's answers over HTTP at one socket, in a thread of their own: GET /metrics,
 * /api/v1/host, /api/v1/domains, /api/v1/domains/{uuid} and /healthz, from the newest
 * snapshot, and POST /api/v1/tick. It never takes longer than a pointer swap from the
 * sampler. A document is written once a tick, whoever reads it and however slowly.
 * Connections, their memory and their time are bounded: who takes too long makes room for
 * others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/credentials.h"
#include "host/health.h"
#include "host/metrics.h"
#include "host/snapshot.h"
#include "host/tick_request.h"

struct http_config {
	int listen_fd;		  /* stays the caller's */
	struct snapshot_box *box; /* must outlive the server */
	struct health_limits health;
	struct metrics_options metrics; /* its texts must outlive the server */
	/*
	 * Who can connect may see all, at once: a socket file with a mode. Else the
	 * rest counts.
	 */
	bool trusted;
	/* Where these may ask for a tick, too; must outlive the server, and be stopped
	 * before it. NULL: nobody may. */
	struct tick_requests *ticks;
	/* PEM, both or none: then it speaks TLS. Not needed after http_start(). */
	const char *certificate, *key;
	/* Who may ask; none: everybody. Copied. */
	size_t n_users;
	const struct credentials_user *users;
	/* Everybody may ask all the same. Whoever gives no name sees a tick a second. */
	bool anonymous;
	/* See host/host_header.h; must outlive the server. */
	const char *host_names;
};

struct http;

/*
 * Serves until http_stop(). -EIO: libmicrohttpd cannot start (out of threads or
 * descriptors); -EOPNOTSUPP: it was built without TLS; -EINVAL: certificate and key
 * are none, or do not belong together; -ENOMEM and those of credentials_new().
 */
int http_start(const struct http_config *config, struct http **ret_http);

/* Ends the thread and all connections. NULL is fine. */
void http_stop(struct http *http);
