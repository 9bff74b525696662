/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What counts, and what is missing. */
#include "host/interval_load.h"

#include <errno.h>
#include <string.h>

#include "host/interval_sum.h"
#include "host/ledger_close.h"
#include "shared/cleanup.h"

struct sum {
	const struct ledger_book *book;
	const struct interval_load_use *use;
	struct interval_sum all;
	struct interval_record record; /* what all came to */
	uint64_t end;		       /* of the last block that counts */
	uint64_t until_s;	       /* of the record with the highest sequence */
	uint64_t to_sequence;
	uint64_t abandoned_to;
	bool is_damaged;
};

/* It is of the book and covers what that closed, or is another book's. */
static bool record_counts(
	const struct ledger_header *header, const struct interval_record *record)
{
	uint64_t to_sequence = record->interval.to_sequence;

	if (uuid_compare(&record->book, &header->book) != 0)
		return true;
	return to_sequence <= header->closed.to_sequence &&
	       (to_sequence <= header->abandoned_from ||
		       to_sequence > header->abandoned_to);
}

/* The block's record is kept, if somebody wants it, and else is the sum's. */
static int sum_up(struct sum *sum, struct interval_record *record)
{
	cleanup(interval_record_deinit) struct interval_record copy = { 0 };
	int r;

	if (!sum->use->keep)
		return interval_sum_add(&sum->all, record);
	r = interval_record_add(&copy, record);
	return r < 0 ? r : interval_sum_add(&sum->all, &copy);
}

static int add_block(struct interval_file_block *block, void *data)
{
	const struct ledger_interval interval = block->record.interval;
	struct sum *sum = data;

	if (!record_counts(&sum->book->header, &block->record)) {
		if (interval.to_sequence > sum->abandoned_to)
			sum->abandoned_to = interval.to_sequence;
		return 0;
	}
	sum->end = block->offset + block->size;
	if (uuid_compare(&block->record.book, &sum->book->header.book) == 0) {
		int r = sum_up(sum, &block->record);

		if (r < 0)
			return r;
		if (interval.to_sequence >= sum->to_sequence) {
			sum->to_sequence = interval.to_sequence;
			sum->until_s = interval.until_s;
		}
	}
	return sum->use->keep ? sum->use->keep(block, sum->use->data) : 0;
}

/* Makes those the book has no row of one domain without a UUID, and remembers them. */
static int remember_departed(struct ledger_book *book, bool remember,
	const struct interval_record *sum, uint32_t index)
{
	struct tick_share shares[LEDGER_ZONES_MAX] = { 0 };

	if (!remember || uuid_is_nil(&sum->domains[index].uuid))
		return 0;
	for (uint32_t zone = 0; zone < sum->n_zones; zone++) {
		ssize_t row = ledger_book_find_zone(book, sum->zones[zone].name);

		/* One the book does not know cannot be taken off: found out later. */
		if (row >= 0)
			shares[row] = *interval_share(sum, index, zone);
	}
	return ledger_departed_add(&book->departed, &sum->domains[index].uuid,
		sum->domains[index].quality_ns, shares, book->header.counts.zones);
}

static int add_to(struct interval_record *to, const struct interval_record *from,
	uint32_t index, const struct uuid *uuid, bool with_quality)
{
	uint32_t at;
	int r = interval_record_take_domain(to, uuid, "", "", &at);

	if (r < 0)
		return r;
	for (size_t i = 0; with_quality && i <= MESSAGE_DEGRADED; i++)
		to->domains[at].quality_ns[i] += from->domains[index].quality_ns[i];
	for (uint32_t zone = 0; zone < from->n_zones; zone++) {
		const struct tick_share *share = interval_share(from, index, zone);

		interval_share(to, at, zone)->dynamic_uj += share->dynamic_uj;
		interval_share(to, at, zone)->idle_uj += share->idle_uj;
	}
	return 0;
}

/* The sum as the book has it: domains without a row are one, and their time is not
 * known. */
static int collapse(struct ledger_book *book, bool remember,
	const struct interval_record *sum, struct interval_record *to)
{
	static const struct uuid nil;
	int r = 0;

	memcpy(to->quality_ns, sum->quality_ns, sizeof(to->quality_ns));
	for (uint32_t i = 0; r == 0 && i < sum->n_zones; i++) {
		uint32_t zone;

		r = interval_record_take_zone(to, sum->zones[i].name, &zone);
		if (r == 0)
			to->zones[zone] = sum->zones[i];
	}
	for (uint32_t i = 0; r == 0 && i < sum->n_domains; i++) {
		const struct uuid *uuid = &sum->domains[i].uuid;
		bool has_row = ledger_book_find_domain(book, uuid) >= 0;

		r = add_to(to, sum, i, has_row ? uuid : &nil, has_row);
		if (r == 0 && !has_row)
			r = remember_departed(book, remember, sum, i);
	}
	return r;
}

/* What it is called. */
static void label(const struct sum *sum, struct interval_record *missing)
{
	struct ledger_interval *interval = &missing->interval;

	if (sum->to_sequence == interval->from_sequence && !sum->is_damaged)
		return;
	interval->from_sequence = sum->to_sequence;
	interval->since_s = sum->until_s && sum->until_s < interval->until_s
				    ? sum->until_s
				    : 0;
	/* Records in the middle are gone: then it is not known since when. */
	if (sum->is_damaged || sum->to_sequence >= interval->to_sequence)
		interval->since_s = 0;
}

static int find_missing(
	struct sum *sum, struct ledger_book *book, struct interval_load *load)
{
	cleanup(interval_record_deinit) struct interval_record collapsed = { 0 };
	cleanup(interval_record_deinit) struct interval_record missing = { 0 };
	int r = collapse(book, sum->use->remember, &sum->record, &collapsed);

	if (r == 0)
		r = ledger_close_get_closed(book, &missing);
	if (r == 0)
		r = interval_record_subtract(&missing, &collapsed);
	if (r < 0 || interval_record_is_zero(&missing))
		return r;
	interval_record_prune(&missing);
	label(sum, &missing);
	load->has_missing = true;
	load->missing = missing;
	missing = (struct interval_record){ 0 };
	return 0;
}

int interval_load(int dir_fd, struct ledger_book *book,
	const struct interval_load_use *use, struct interval_load *ret_load)
{
	struct sum sum = { .book = book, .use = use };
	struct interval_load load = { 0 };
	struct interval_scan scan = { 0 };
	int r = interval_file_read(dir_fd, add_block, &sum, &scan);

	sum.is_damaged = scan.n_damaged > 0;
	if (r == 0 || r == -ENOENT)
		r = interval_sum_finish(&sum.all, &sum.record);
	/* Behind that no sequence is left. */
	if (r == 0 && sum.abandoned_to > INT64_MAX)
		r = -ERANGE;
	if (r == 0)
		r = find_missing(&sum, book, &load);
	interval_sum_deinit(&sum.all);
	interval_record_deinit(&sum.record);
	if (r < 0) {
		ledger_departed_deinit(&book->departed);
		return r;
	}
	load.end = sum.end;
	load.n_damaged = scan.n_damaged;
	if (sum.abandoned_to > book->header.closed.to_sequence)
		load.abandoned_to = sum.abandoned_to;
	*ret_load = load;
	return 0;
}

int interval_load_nothing(const struct ledger_book *book, struct interval_load *ret_load)
{
	struct interval_load load = { 0 };
	struct interval_record closed;
	int r = ledger_close_get_closed(book, &closed);

	if (r < 0)
		return r;
	if (interval_record_is_zero(&closed)) {
		interval_record_deinit(&closed);
	} else {
		interval_record_prune(&closed);
		closed.interval.from_sequence = 0;
		closed.interval.since_s = 0;
		load.missing = closed;
		load.has_missing = true;
	}
	*ret_load = load;
	return 0;
}
