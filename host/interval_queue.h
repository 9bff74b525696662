/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Records that wait for somebody to take them, the oldest first. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/interval_record.h"

struct interval_queue {
	size_t n, size;
	struct interval_record *records;
};

void interval_queue_deinit(struct interval_queue *queue);

/* Room for one more. -ENOMEM. */
int interval_queue_reserve(struct interval_queue *queue);

/* Takes the record over, for which there is room. */
void interval_queue_put(struct interval_queue *queue, struct interval_record *record);

/* The caller's then; false: there is none. */
bool interval_queue_take(
	struct interval_queue *queue, struct interval_record *ret_record);

/* Makes the record that was just taken the first one again; takes it over. */
void interval_queue_put_back(
	struct interval_queue *queue, struct interval_record *record);
