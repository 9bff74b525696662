/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Intervals of the book. */
#include "host/ledger_close.h"

#include <errno.h>
#include <string.h>

#include "shared/cleanup.h"
#include "shared/clock.h"

#define QUALITIES (MESSAGE_DEGRADED + 1)

static uint64_t hour_of(uint64_t wall_ns)
{
	uint64_t wall_s = wall_ns / NSEC_PER_SEC;

	return wall_s - wall_s % LEDGER_HOUR_S;
}

bool ledger_close_is_due(const struct ledger_book *book, uint64_t wall_ns)
{
	const struct ledger_interval *open = &book->header.open;

	return open->until_s != 0 && open->since_s != hour_of(wall_ns);
}

void ledger_close_open(struct ledger_book *book, uint64_t wall_ns)
{
	uint64_t hour_s = hour_of(wall_ns);

	if (book->header.open.until_s == 0)
		book->header.open = (struct ledger_interval){
			.from_sequence = book->header.closed.to_sequence,
			.since_s = hour_s,
			.until_s = hour_s + LEDGER_HOUR_S,
		};
}

static struct tick_share *shares_of(const struct ledger_book *book, uint32_t row)
{
	return &book->shares[(size_t)row * book->shares_stride];
}

static struct tick_share *bases_of(const struct ledger_book *book, uint32_t row)
{
	return &book->base_shares[(size_t)row * book->shares_stride];
}

static bool row_is_closed(const struct ledger_book *book, uint32_t row)
{
	return memcmp(book->domains[row].quality_ns, book->bases[row].quality_ns,
		       sizeof(book->bases[row].quality_ns)) == 0 &&
	       memcmp(shares_of(book, row), bases_of(book, row),
		       book->header.counts.zones * sizeof(struct tick_share)) == 0;
}

/* What is now, or was at the last closing, less what was at that closing or ever. */
static struct tick_share share_of(
	const struct ledger_book *book, uint32_t row, uint32_t zone, bool closed)
{
	struct tick_share now = shares_of(book, row)[zone];
	struct tick_share base = bases_of(book, row)[zone];

	if (closed)
		return base;
	return (struct tick_share){ now.dynamic_uj - base.dynamic_uj,
		now.idle_uj - base.idle_uj };
}

static int get_zones(
	const struct ledger_book *book, bool closed, struct interval_record *record)
{
	for (uint32_t i = 0; i < book->header.counts.zones; i++) {
		const struct ledger_zone *zone = &book->zones[i];
		struct interval_zone *to;
		uint32_t at;
		int r = interval_record_take_zone(record, zone->name, &at);

		if (r < 0)
			return r;
		to = &record->zones[at];
		to->host = zone->closed_host;
		to->unattributed_uj = zone->closed_unattributed_uj;
		if (closed)
			continue;
		to->host.dynamic_uj = zone->host.dynamic_uj - to->host.dynamic_uj;
		to->host.idle_uj = zone->host.idle_uj - to->host.idle_uj;
		to->unattributed_uj = zone->unattributed_uj - to->unattributed_uj;
	}
	return 0;
}

static int get_domain(const struct ledger_book *book, uint32_t row, bool closed,
	struct interval_record *record)
{
	const struct ledger_domain *domain = &book->domains[row];
	const uint64_t *base_ns = book->bases[row].quality_ns;
	uint32_t at;
	int r = interval_record_take_domain(
		record, &domain->uuid, domain->name, domain->labels, &at);

	if (r < 0)
		return r;
	for (size_t i = 0; i < QUALITIES; i++)
		record->domains[at].quality_ns[i] = closed ? base_ns[i]
							   : domain->quality_ns[i] -
								     base_ns[i];
	for (uint32_t zone = 0; zone < record->n_zones; zone++)
		*interval_share(record, at, zone) = share_of(book, row, zone, closed);
	return 0;
}

/* Of the departed the book knows the sum alone: they are the domain without a UUID. */
static int get_departed(const struct ledger_book *book, struct interval_record *record)
{
	static const struct uuid nil;
	uint32_t at;
	int r = interval_record_take_domain(record, &nil, "", "", &at);

	for (uint32_t zone = 0; r == 0 && zone < record->n_zones; zone++) {
		const struct tick_share *departed = &book->zones[zone].departed;

		interval_share(record, at, zone)->dynamic_uj += departed->dynamic_uj;
		interval_share(record, at, zone)->idle_uj += departed->idle_uj;
	}
	return r;
}

static int get_record(
	const struct ledger_book *book, bool closed, struct interval_record *ret_record)
{
	const struct ledger_header *header = &book->header;
	cleanup(interval_record_deinit) struct interval_record record = { 0 };
	int r = get_zones(book, closed, &record);

	for (uint32_t i = 0; r == 0 && i < header->counts.domains; i++) {
		uint32_t row = book->by_uuid[i];

		if (closed || !row_is_closed(book, row))
			r = get_domain(book, row, closed, &record);
	}
	if (r == 0 && closed)
		r = get_departed(book, &record);
	if (r < 0)
		return r;
	record.book = header->book;
	record.interval = closed ? header->closed : header->open;
	for (size_t i = 0; i < QUALITIES; i++)
		record.quality_ns[i] =
			header->closed_quality_ns[i] +
			(closed ? 0
				: header->quality_ns[i] -
						2 * header->closed_quality_ns[i]);
	if (!closed)
		record.interval.to_sequence = header->sequence;
	*ret_record = record;
	record = (struct interval_record){ 0 };
	return 0;
}

int ledger_close_get_open(
	const struct ledger_book *book, struct interval_record *ret_record)
{
	return get_record(book, false, ret_record);
}

int ledger_close_get_closed(
	const struct ledger_book *book, struct interval_record *ret_record)
{
	return get_record(book, true, ret_record);
}

/* From now on all there is is closed. */
static void rebase(struct ledger_book *book, const struct ledger_interval *closed)
{
	struct ledger_header *header = &book->header;

	for (uint32_t i = 0; i < header->counts.zones; i++) {
		struct ledger_zone *zone = &book->zones[i];

		zone->closed_host = zone->host;
		zone->closed_unattributed_uj = zone->unattributed_uj;
	}
	for (uint32_t row = 0; row < header->counts.domains; row++) {
		memcpy(book->bases[row].quality_ns, book->domains[row].quality_ns,
			sizeof(book->bases[row].quality_ns));
		memcpy(bases_of(book, row), shares_of(book, row),
			header->counts.zones * sizeof(struct tick_share));
	}
	memcpy(header->closed_quality_ns, header->quality_ns, sizeof(header->quality_ns));
	header->closed = *closed;
	header->open = (struct ledger_interval){ 0 };
	book->store_all = true;
}

void ledger_close_before(struct ledger_book *book)
{
	const struct ledger_interval before = {
		.to_sequence = book->header.sequence,
		.until_s = book->header.wall_ns / NSEC_PER_SEC + 1,
	};

	rebase(book, &before);
}

/*
 * Whether nothing of the row is in the open interval, or not on the disk yet. One that
 * runs and cannot be measured for now keeps its epoch, too.
 */
static bool may_leave(const struct ledger_book *book, uint32_t row,
	const struct ledger_update *update, uint64_t durable_sequence)
{
	const struct ledger_domain *domain = &book->domains[row];
	uint64_t closed = book->header.closed.to_sequence;

	return durable_sequence >= closed && domain->sequence <= closed &&
	       domain->epoch_sequence <= closed && row_is_closed(book, row) &&
	       !(update->is_listed && update->is_listed(update->listed, &domain->uuid));
}

static int depart(struct ledger_book *book, uint32_t row)
{
	const struct tick_share *shares = shares_of(book, row);
	uint32_t n_zones = book->header.counts.zones;
	int r = ledger_departed_add(&book->departed, &book->domains[row].uuid,
		book->domains[row].quality_ns, shares, n_zones);

	for (uint32_t zone = 0; r == 0 && zone < n_zones; zone++) {
		book->zones[zone].departed.dynamic_uj += shares[zone].dynamic_uj;
		book->zones[zone].departed.idle_uj += shares[zone].idle_uj;
	}
	return r;
}

static void move_row(struct ledger_book *book, uint32_t to, uint32_t from)
{
	size_t size = book->shares_stride * sizeof(struct tick_share);

	book->domains[to] = book->domains[from];
	book->bases[to] = book->bases[from];
	memmove(shares_of(book, to), shares_of(book, from), size);
	memmove(bases_of(book, to), bases_of(book, from), size);
}

/* One that there is no memory to remember stays. */
static void let_leave(struct ledger_book *book, const struct ledger_update *update,
	uint64_t durable_sequence)
{
	uint32_t n = book->header.counts.domains, kept = 0;

	for (uint32_t row = 0; row < n; row++) {
		if (may_leave(book, row, update, durable_sequence) &&
			depart(book, row) == 0)
			continue;
		if (kept != row)
			move_row(book, kept, row);
		kept++;
	}
	if (kept == n)
		return;
	memset(book->changed, 0, n * sizeof(*book->changed));
	book->n_changed = 0;
	book->header.counts.domains = kept;
	/* No UUID is there twice: there was none before. */
	(void)ledger_book_sort(book);
}

int ledger_close_interval(struct ledger_book *book, const struct ledger_update *update,
	uint64_t durable_sequence, struct interval_record *ret_record)
{
	struct interval_record record;
	int r = ledger_close_get_open(book, &record);

	if (r < 0)
		return r;
	let_leave(book, update, durable_sequence);
	rebase(book, &record.interval);
	*ret_record = record;
	return 0;
}
