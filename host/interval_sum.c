/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Like a number in binary that is counted up. */
#include "host/interval_sum.h"

#include "shared/cleanup.h"

void interval_sum_deinit(struct interval_sum *sum)
{
	for (size_t i = 0; i < INTERVAL_SUM_LEVELS; i++)
		interval_record_deinit(&sum->levels[i]);
	*sum = (struct interval_sum){ 0 };
}

static struct interval_record steal_record(struct interval_record *record)
{
	struct interval_record stolen = *record;

	*record = (struct interval_record){ 0 };
	return stolen;
}

int interval_sum_add(struct interval_sum *sum, struct interval_record *record)
{
	cleanup(interval_record_deinit) struct interval_record carry = steal_record(
		record);
	size_t level = 0;

	/* To the older one, so that names are of the newer. */
	for (; level < INTERVAL_SUM_LEVELS - 1 && sum->used[level]; level++) {
		int r = interval_record_add(&sum->levels[level], &carry);

		if (r < 0)
			return r;
		interval_record_deinit(&carry);
		carry = steal_record(&sum->levels[level]);
		sum->used[level] = false;
	}
	if (sum->used[level])
		return interval_record_add(&sum->levels[level], &carry);
	sum->levels[level] = steal_record(&carry);
	sum->used[level] = true;
	return 0;
}

int interval_sum_finish(struct interval_sum *sum, struct interval_record *ret_record)
{
	cleanup(interval_record_deinit) struct interval_record all = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < INTERVAL_SUM_LEVELS; i++) {
		if (!sum->used[i])
			continue;
		if (all.interval.until_s == 0) {
			interval_record_deinit(&all);
			all = steal_record(&sum->levels[i]);
			continue;
		}
		r = interval_record_add(&sum->levels[i], &all);
		interval_record_deinit(&all);
		all = steal_record(&sum->levels[i]);
	}
	interval_sum_deinit(sum);
	if (r == 0)
		*ret_record = steal_record(&all);
	return r;
}
