/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The sum of many records: as interval_record_add() one by one, but in a time that
 * goes with what they hold and hardly with how many there are. Pure.
 */
#pragma once

#include "host/interval_record.h"

/* Sums of 1, 2, 4, ... records, where there is one; each is added to the next. */
#define INTERVAL_SUM_LEVELS 40

struct interval_sum {
	struct interval_record levels[INTERVAL_SUM_LEVELS];
	bool used[INTERVAL_SUM_LEVELS];
};

void interval_sum_deinit(struct interval_sum *sum);

/* Takes the record over. -ENOMEM: the sum is void. */
int interval_sum_add(struct interval_sum *sum, struct interval_record *record);

/* All that was added; the caller's. The sum is empty then. -ENOMEM. */
int interval_sum_finish(struct interval_sum *sum, struct interval_record *ret_record);
