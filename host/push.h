/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Pushes ticks to time-series engines, in a thread of its own: no target, dead, slow or
 * hostile, delays a tick. A tick costs the sampler a reference to its snapshot; the rest
 * is the thread's. What goes when is host/push_target.h, how host/push_transport.h.
 */
#pragma once

#include <stddef.h>

#include "host/metrics.h"
#include "host/push_config.h"
#include "host/snapshot.h"

struct push;

/*
 * configs stay the caller's; options but for the node's name, which is found here.
 * Without targets, *ret_push is NULL. -ENOMEM, -EAGAIN.
 */
int push_start(const struct push_config *configs, size_t n_configs,
	const struct metrics_options *options, struct push **ret_push);

/* A tick to push, of which it takes a reference. NULL is fine. */
void push_offer(struct push *push, const struct snapshot *snapshot);

/* Tells the snapshot what became of earlier ticks. NULL is fine. -ENOMEM. */
int push_describe(struct push *push, struct snapshot *snapshot);

/*
 * Sends what waits, for some seconds at most and without trying again, and ends. What
 * is left is logged and lost. NULL is fine.
 */
void push_stop(struct push *push);
