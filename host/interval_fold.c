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
#include "shared/array.h"
#include "shared/cleanup.h"

#define HOUR_S 3600u
#define DAY_S  86400u
/* An hour of so many records is worth a new file; two are nothing unusual. */
#define MANY 16u

enum fate {
	KEPT,
	HOUR,	 /* with others of its hour */
	DAY,	 /* into its day */
	EARLIER, /* into what has no beginning */
};

/* An hour, and how many records of it there are. */
struct hour {
	uint64_t since_s;
	uint64_t n;
};

struct folding {
	const struct interval_fold *options;
	/* Days since 1970, the newest first. */
	size_t n_days, days_size;
	uint64_t *days;
	uint64_t oldest_hourly, oldest_daily; /* days; older ones are folded */
	/* The newest first. */
	size_t n_hours, hours_size;
	struct hour *hours;
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
	free(folding->hours);
}

static int note_day(struct folding *folding, uint64_t day)
{
	size_t at = 0;

	while (at < folding->n_days && folding->days[at] > day)
		at++;
	if (at < folding->n_days && folding->days[at] == day)
		return 0;
	if (array_reserve(&folding->days, &folding->days_size, folding->n_days + 1) < 0)
		return -ENOMEM;
	memmove(&folding->days[at + 1], &folding->days[at],
		(folding->n_days - at) * sizeof(*folding->days));
	folding->days[at] = day;
	folding->n_days++;
	return 0;
}

static bool is_hour(const struct ledger_interval *interval)
{
	return interval->until_s - interval->since_s == HOUR_S;
}

/* Where in the hours it is, or would be. */
static size_t find_hour(const struct folding *folding, uint64_t since_s)
{
	size_t at = 0;

	while (at < folding->n_hours && folding->hours[at].since_s > since_s)
		at++;
	return at;
}

static int note_hour(struct folding *folding, uint64_t since_s)
{
	size_t at = find_hour(folding, since_s);

	if (at == folding->n_hours || folding->hours[at].since_s != since_s) {
		if (array_reserve(&folding->hours, &folding->hours_size,
			    folding->n_hours + 1) < 0)
			return -ENOMEM;
		memmove(&folding->hours[at + 1], &folding->hours[at],
			(folding->n_hours - at) * sizeof(*folding->hours));
		folding->hours[at] = (struct hour){ .since_s = since_s };
		folding->n_hours++;
	}
	folding->hours[at].n++;
	return 0;
}

static int note(struct interval_file_block *block, void *data)
{
	const struct ledger_interval *interval = &block->record.interval;
	struct folding *folding = data;
	int r;

	if (interval->since_s == 0)
		return 0;
	r = note_day(folding, interval->since_s / DAY_S);
	if (r == 0 && is_hour(interval))
		r = note_hour(folding, interval->since_s);
	return r;
}

static uint64_t n_of_hour(
	const struct folding *folding, const struct ledger_interval *interval)
{
	size_t at = find_hour(folding, interval->since_s);

	return is_hour(interval) && at < folding->n_hours &&
			       folding->hours[at].since_s == interval->since_s
		       ? folding->hours[at].n
		       : 1;
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
	if (day < folding->oldest_hourly && (interval->until_s - 1) / DAY_S == day)
		return DAY;
	return n_of_hour(folding, interval) > 1 ? HOUR : KEPT;
}

static int look(struct interval_file_block *block, void *data)
{
	struct folding *folding = data;
	const struct ledger_interval *interval = &block->record.interval;
	enum fate fate = fate_of(folding, &block->record);

	if ((fate == EARLIER && interval->since_s != 0) ||
		(fate == DAY && interval->until_s - interval->since_s < DAY_S) ||
		(fate == HOUR && n_of_hour(folding, interval) >= MANY))
		folding->needed = true;
	return 0;
}

static struct interval_record *take_sum(
	struct folding *folding, const struct interval_record *record)
{
	struct interval_record *sum;

	for (size_t i = 0; i < folding->n_sums; i++) {
		sum = &folding->sums[i];
		if (uuid_compare(&sum->book, &record->book) == 0 &&
			sum->interval.since_s == record->interval.since_s &&
			(sum->interval.since_s == 0 ||
				sum->interval.until_s == record->interval.until_s))
			return sum;
	}
	if (array_reserve(&folding->sums, &folding->sums_size, folding->n_sums + 1) < 0)
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
	if (fate == EARLIER) {
		record->interval.since_s = 0;
	} else if (fate == DAY) {
		record->interval.since_s -= record->interval.since_s % DAY_S;
		record->interval.until_s = record->interval.since_s + DAY_S;
	}
	sum = take_sum(folding, record);
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
	bool replaced;
	int r = interval_file_read(dir_fd, note, &folding, &scan);

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
	r = interval_file_end(
		dir_fd, folding.stream, write_file(&folding, dir_fd), &replaced);
	if (replaced)
		*ret_end = folding.end;
	return r < 0 ? r : 1;
}
