/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Ticks that wait to be pushed, in their order, within a bound of memory: where it is
 * reached, the oldest make room. One tick may always wait, however large. What is taken
 * counts until the taker says that it waits no more. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/snapshot.h"

struct push_queue {
	size_t bytes_max;
	size_t bytes;	    /* of the snapshots that wait, */
	size_t bytes_taken; /* and of those that were taken and count still */
	size_t n, first, size;
	struct snapshot **ring; /* of size; owned, with a reference each */
};

void push_queue_init(struct push_queue *queue, size_t bytes_max);
void push_queue_deinit(struct push_queue *queue);

/*
 * Puts a reference of its own to the snapshot at the end. Returns how many ticks were
 * dropped for it; -ENOMEM: it is not there itself.
 */
int push_queue_put(struct push_queue *queue, const struct snapshot *snapshot);

/* Whether nothing would be dropped for it. */
bool push_queue_has_room(const struct push_queue *queue, const struct snapshot *snapshot);

/* The oldest, the caller's then; NULL: none waits. */
struct snapshot *push_queue_take(struct push_queue *queue);

/* None of those that were taken counts any more. */
void push_queue_release(struct push_queue *queue);
