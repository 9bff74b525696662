/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Three readings: which days there are, the sum of what is folded, and the rest. */
#include "config.h"

#include "host/interval_fold.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/interval_block.h"
#include "host/interval_file.h"
#include "shared/cleanup.h"

#define DAY_S 86400u

enum fate {
	KEPT,
	DAY,	 /* into its day */
	EARLIER, /* into what has no beginning */
};

struct folding {
	const struct interval_fold *options;
	/* Days since 1970, the newest first. */
	size_t n_days, days_size;
	uint64_t *days;
	uint64_t oldest_hourly, oldest_daily; /* days; older ones are folded */
	bool needed;
	size_t n_sums, sums_size;
	struct interval_record *sums;
	FILE *stream;
	uint64_t end;
};

static void folding_deinit(struct folding *folding)
{
	for (size_t i = 0; i < folding->n_sums; i++)
		interval_record_deinit(&folding->sums[i]);
	free(folding->sums);
	free(folding->days);
}

static int grow(void *array, size_t n, size_t *size, size_t element_size)
{
	size_t larger = *size ? 2 * *size : 16;
	void *resized;

	if (n < *size)
		return 0;
	resized = reallocarray(*(void **)array, larger, element_size);
	if (!resized)
		return -ENOMEM;
	*(void **)array = resized;
	*size = larger;
	return 0;
}

static int note_day(struct interval_file_block *block, void *data)
{
	struct folding *folding = data;
	uint64_t day = block->record.interval.since_s / DAY_S;
	size_t at = 0;

	if (block->record.interval.since_s == 0)
		return 0;
	while (at < folding->n_days && folding->days[at] > day)
		at++;
	if (at < folding->n_days && folding->days[at] == day)
		return 0;
	if (grow(&folding->days, folding->n_days, &folding->days_size,
		    sizeof(*folding->days)) < 0)
		return -ENOMEM;
	memmove(&folding->days[at + 1], &folding->days[at],
		(folding->n_days - at) * sizeof(*folding->days));
	folding->days[at] = day;
	folding->n_days++;
	return 0;
}

static uint64_t oldest_of(const struct folding *folding, uint32_t n)
{
	return n == 0 || n > folding->n_days ? 0 : folding->days[n - 1];
}

static enum fate fate_of(
	const struct folding *folding, const struct interval_record *record)
{
	const struct ledger_interval *interval = &record->interval;
	uint64_t day = interval->since_s / DAY_S;

	if (uuid_compare(&record->book, &folding->options->book) == 0 &&
		interval->to_sequence > folding->options->max_sequence)
		return KEPT;
	if (day < folding->oldest_daily || interval->since_s == 0)
		return EARLIER;
	/* What is of several days is of no day. */
	return day < folding->oldest_hourly && (interval->until_s - 1) / DAY_S == day
		       ? DAY
		       : KEPT;
}

static int look(struct interval_file_block *block, void *data)
{
	struct folding *folding = data;
	const struct ledger_interval *interval = &block->record.interval;
	enum fate fate = fate_of(folding, &block->record);

	if ((fate == EARLIER && interval->since_s != 0) ||
		(fate == DAY && interval->until_s - interval->since_s < DAY_S))
		folding->needed = true;
	return 0;
}

static struct interval_record *take_sum(
	struct folding *folding, const struct uuid *book, uint64_t since_s)
{
	struct interval_record *sum;

	for (size_t i = 0; i < folding->n_sums; i++) {
		sum = &folding->sums[i];
		if (uuid_compare(&sum->book, book) == 0 &&
			sum->interval.since_s == since_s)
			return sum;
	}
	if (grow(&folding->sums, folding->n_sums, &folding->sums_size,
		    sizeof(*folding->sums)) < 0)
		return NULL;
	sum = &folding->sums[folding->n_sums++];
	*sum = (struct interval_record){ 0 };
	return sum;
}

static int sum_up(struct interval_file_block *block, void *data)
{
	struct folding *folding = data;
	struct interval_record *record = &block->record, *sum;
	enum fate fate = fate_of(folding, record);

	if (fate == KEPT)
		return 0;
	if (fate == DAY) {
		record->interval.since_s -= record->interval.since_s % DAY_S;
		record->interval.until_s = record->interval.since_s + DAY_S;
	} else {
		record->interval.since_s = 0;
	}
	sum = take_sum(folding, &record->book, record->interval.since_s);
	return sum ? interval_record_add(sum, record) : -ENOMEM;
}

static int write_bytes(struct folding *folding, const uint8_t *data, size_t size)
{
	errno = 0;
	if (fwrite(data, 1, size, folding->stream) != size)
		return errno ? -errno : -EIO;
	folding->end += size;
	return 0;
}

static int copy(struct interval_file_block *block, void *data)
{
	struct folding *folding = data;

	return fate_of(folding, &block->record) == KEPT
		       ? write_bytes(folding, block->data, block->size)
		       : 0;
}

/* First what was folded, as what does not count any more is looked for at the end. */
static int write_file(struct folding *folding, int dir_fd)
{
	struct interval_scan scan;

	for (size_t i = 0; i < folding->n_sums; i++) {
		cleanup_free uint8_t *data = NULL;
		size_t size;
		int r = interval_block_encode(&folding->sums[i], &data, &size);

		if (r == 0)
			r = write_bytes(folding, data, size);
		if (r < 0)
			return r;
	}
	return interval_file_read(dir_fd, copy, folding, &scan);
}

int interval_fold_file(int dir_fd, const struct interval_fold *fold, uint64_t *ret_end)
{
	cleanup(folding_deinit) struct folding folding = { .options = fold };
	struct interval_scan scan;
	int r = interval_file_read(dir_fd, note_day, &folding, &scan);

	folding.oldest_hourly = oldest_of(&folding, fold->hourly_days);
	folding.oldest_daily = oldest_of(&folding, fold->daily_days);
	if (r == 0)
		r = interval_file_read(dir_fd, look, &folding, &scan);
	if (r < 0 || !folding.needed)
		return r == -ENOENT ? 0 : r;
	r = interval_file_read(dir_fd, sum_up, &folding, &scan);
	if (r == 0)
		r = interval_file_begin(dir_fd, &folding.stream);
	if (r < 0)
		return r;
	r = interval_file_end(dir_fd, folding.stream, write_file(&folding, dir_fd));
	if (r < 0)
		return r;
	*ret_end = folding.end;
	return 1;
}
