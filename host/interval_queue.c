/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* An array, as it is nearly always of one record at most. */
#include "config.h"

#include "host/interval_queue.h"
#include "shared/array.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void interval_queue_deinit(struct interval_queue *queue)
{
	for (size_t i = 0; i < queue->n; i++)
		interval_record_deinit(&queue->records[i]);
	free(queue->records);
	*queue = (struct interval_queue){ 0 };
}

int interval_queue_reserve(struct interval_queue *queue)
{
	return array_reserve(&queue->records, &queue->size, queue->n + 1);
}

void interval_queue_put(struct interval_queue *queue, struct interval_record *record)
{
	assert(queue->n < queue->size);
	queue->records[queue->n++] = *record;
	*record = (struct interval_record){ 0 };
}

void interval_queue_put_back(struct interval_queue *queue, struct interval_record *record)
{
	assert(queue->n < queue->size);
	memmove(queue->records + 1, queue->records, queue->n * sizeof(*queue->records));
	queue->records[0] = *record;
	queue->n++;
	*record = (struct interval_record){ 0 };
}

bool interval_queue_take(struct interval_queue *queue, struct interval_record *ret_record)
{
	if (queue->n == 0)
		return false;
	*ret_record = queue->records[0];
	queue->n--;
	memmove(queue->records, queue->records + 1, queue->n * sizeof(*queue->records));
	return true;
}
