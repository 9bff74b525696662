/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A ring of references that grows up to its bound. */
#include "host/push_queue.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 64

void push_queue_init(struct push_queue *queue, size_t bytes_max)
{
	*queue = (struct push_queue){ .bytes_max = bytes_max };
}

static struct snapshot *remove_first(struct push_queue *queue)
{
	struct snapshot *snapshot = queue->ring[queue->first];

	queue->first = (queue->first + 1) % queue->size;
	queue->n--;
	queue->bytes -= snapshot_size(snapshot);
	return snapshot;
}

void push_queue_deinit(struct push_queue *queue)
{
	while (queue->n > 0)
		snapshot_unref(remove_first(queue));
	free(queue->ring);
	*queue = (struct push_queue){ 0 };
}

static int grow(struct push_queue *queue)
{
	size_t size = queue->size > 0 ? queue->size * 2 : SIZE_MIN;
	struct snapshot **ring;

	if (queue->n < queue->size)
		return 0;
	ring = calloc(size, sizeof(struct snapshot *));
	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < queue->n; i++)
		ring[i] = queue->ring[(queue->first + i) % queue->size];
	free(queue->ring);
	queue->ring = ring;
	queue->first = 0;
	queue->size = size;
	return 0;
}

int push_queue_put(struct push_queue *queue, const struct snapshot *snapshot)
{
	int dropped = 0, r = grow(queue);

	if (r < 0)
		return r;
	queue->ring[(queue->first + queue->n) % queue->size] = snapshot_ref(snapshot);
	queue->n++;
	queue->bytes += snapshot_size(snapshot);
	for (; queue->n > 1 && queue->bytes + queue->bytes_taken > queue->bytes_max;
		dropped++)
		snapshot_unref(remove_first(queue));
	return dropped;
}

bool push_queue_has_room(const struct push_queue *queue, const struct snapshot *snapshot)
{
	return queue->bytes + queue->bytes_taken + snapshot_size(snapshot) <=
	       queue->bytes_max;
}

struct snapshot *push_queue_take(struct push_queue *queue)
{
	struct snapshot *snapshot;

	if (queue->n == 0)
		return NULL;
	snapshot = remove_first(queue);
	queue->bytes_taken += snapshot_size(snapshot);
	return snapshot;
}

void push_queue_release(struct push_queue *queue)
{
	queue->bytes_taken = 0;
}
