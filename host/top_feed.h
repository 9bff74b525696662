/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A thread that has each tick's snapshot brought from vmpower-hostd, over one
 * connection, so that a daemon that hangs does not hang whoever shows it. It goes on
 * while hostd is away, and with the next one.
 */
#pragma once

#include <stdint.h>

#include "host/client.h"
#include "host/snapshot.h"

struct top_feed;

/*
 * A snapshot a tick, or one in so many ns where that is longer. socket_path has to
 * outlive it. -errno.
 */
int top_feed_start(
	const char *socket_path, uint64_t interval_ns, struct top_feed **ret_feed);

/* Ends the thread. NULL is fine. */
void top_feed_stop(struct top_feed *feed);

/* Readable when there is something to take. */
int top_feed_fd(const struct top_feed *feed);

/*
 * What is new: *ret_snapshot is a reference for the caller, or NULL; error is why there
 * is none, or "" while hostd answers.
 */
void top_feed_take(struct top_feed *feed, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE]);
