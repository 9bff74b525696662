/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * hostd's HTTP servers, as it is configured: one at RUN/hostd.sock, for vmpower(1),
 * and one where --listen says, each with a thread of its own, so that neither makes the
 * other wait.
 */
#pragma once

#include <stdint.h>

#include "host/hostd_config.h"
#include "host/snapshot.h"
#include "host/tick_request.h"

struct http_servers;

/*
 * Makes the run directory if it is missing, and serves the box; who can open a socket
 * file may ask for ticks. All must outlive it, and ticks be stopped before it is.
 * Says on the log what fails, with the cure, and returns -errno; that somebody else has
 * the address of --listen is said, and no reason not to measure.
 */
int http_servers_start(const struct hostd_config *config, struct snapshot_box *box,
	struct tick_requests *ticks, uint64_t stale_ns,
	struct http_servers **ret_servers);

/* Stops both and removes their socket files. NULL is fine. */
void http_servers_stop(struct http_servers *servers);
