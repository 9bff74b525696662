/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The account book in memory: its rows, and adding a tick to them. */
#include "config.h"

#include "host/ledger_book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/utf8.h"
#include "shared/array.h"
#include "shared/cleanup.h"

#define FIRST_STRIDE  8u
#define FIRST_DOMAINS 64u

int ledger_book_new(
	const struct uuid *id, const struct uuid *boot_id, struct ledger_book **ret_book)
{
	struct ledger_book *book = calloc(1, sizeof(*book));

	if (!book)
		return -ENOMEM;
	book->header.book = *id;
	book->header.boot_id = *boot_id;
	book->shares_stride = FIRST_STRIDE;
	*ret_book = book;
	return 0;
}

void ledger_book_free(struct ledger_book *book)
{
	if (!book)
		return;
	free(book->domains);
	free(book->by_uuid);
	free(book->shares);
	free(book->bases);
	free(book->base_shares);
	ledger_departed_deinit(&book->departed);
	free(book->changed);
	free(book->changed_rows);
	free(book->sample_rows);
	free(book->tick_rows);
	free(book);
}

static int reserve_domains(struct ledger_book *book, uint32_t n)
{
	uint32_t size = book->domains_size ? book->domains_size : FIRST_DOMAINS;

	if (n <= book->domains_size)
		return 0;
	while (size < n)
		size *= 2;
	if (array_resize(&book->domains, size) < 0 ||
		array_resize(&book->by_uuid, size) < 0 ||
		array_resize(&book->shares, (size_t)size * book->shares_stride) < 0 ||
		array_resize(&book->bases, size) < 0 ||
		array_resize(&book->base_shares, (size_t)size * book->shares_stride) <
			0 ||
		array_resize(&book->changed, size) < 0 ||
		array_resize(&book->changed_rows, size) < 0)
		return -ENOMEM;
	book->domains_size = size;
	return 0;
}

static int reserve_rows(struct ledger_book *book, size_t n)
{
	size_t size = book->rows_size ? book->rows_size : FIRST_DOMAINS;

	if (n <= book->rows_size)
		return 0;
	while (size < n)
		size *= 2;
	if (array_resize(&book->sample_rows, size) < 0 ||
		array_resize(&book->tick_rows, size) < 0)
		return -ENOMEM;
	book->rows_size = (uint32_t)size;
	return 0;
}

/* The same shares with room for more zones, or NULL; the caller frees both. */
static struct tick_share *widen(
	const struct ledger_book *book, const struct tick_share *shares, uint32_t stride)
{
	struct tick_share *wide = calloc(
		(size_t)book->domains_size * stride + 1, sizeof(*wide));

	for (uint32_t row = 0; wide && row < book->header.counts.domains; row++)
		memcpy(&wide[(size_t)row * stride],
			&shares[(size_t)row * book->shares_stride],
			book->shares_stride * sizeof(*wide));
	return wide;
}

/* Room for n zones in the shares of each domain. */
static int reserve_zones(struct ledger_book *book, uint32_t n)
{
	uint32_t stride = book->shares_stride;
	struct tick_share *shares, *base_shares;

	if (n > LEDGER_ZONES_MAX)
		return -E2BIG;
	while (stride < n)
		stride *= 2;
	if (stride == book->shares_stride)
		return 0;
	shares = widen(book, book->shares, stride);
	base_shares = widen(book, book->base_shares, stride);
	if (!shares || !base_shares) {
		free(shares);
		free(base_shares);
		return -ENOMEM;
	}
	free(book->shares);
	free(book->base_shares);
	book->shares = shares;
	book->base_shares = base_shares;
	book->shares_stride = stride;
	return 0;
}

int ledger_book_reserve(struct ledger_book *book, uint32_t n_zones, uint32_t n_domains)
{
	int r = reserve_zones(book, n_zones);

	return r < 0 ? r : reserve_domains(book, n_domains);
}

ssize_t ledger_book_find_zone(const struct ledger_book *book, const char *name)
{
	for (uint32_t i = 0; i < book->header.counts.zones; i++) {
		if (strcmp(book->zones[i].name, name) == 0)
			return (ssize_t)i;
	}
	return -ENOENT;
}

/* Where in by_uuid it is, or would be. */
static uint32_t search(
	const struct ledger_book *book, const struct uuid *uuid, bool *ret_found)
{
	uint32_t low = 0, high = book->header.counts.domains;

	*ret_found = false;
	while (low < high && !*ret_found) {
		uint32_t middle = low + (high - low) / 2;
		int order = uuid_compare(
			&book->domains[book->by_uuid[middle]].uuid, uuid);

		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
			*ret_found = order == 0;
		}
	}
	return high;
}

ssize_t ledger_book_find_domain(const struct ledger_book *book, const struct uuid *uuid)
{
	bool found;
	uint32_t position = search(book, uuid, &found);

	return found ? (ssize_t)book->by_uuid[position] : -ENOENT;
}

static void mark_changed(struct ledger_book *book, uint32_t row)
{
	if (book->changed[row])
		return;
	book->changed[row] = true;
	book->changed_rows[book->n_changed++] = row;
}

/* A new row has what the domain had when it left, if it did. */
static void fill_row(struct ledger_book *book, uint32_t row, const struct uuid *uuid)
{
	struct tick_share *shares = &book->shares[(size_t)row * book->shares_stride];
	struct tick_share *bases = &book->base_shares[(size_t)row * book->shares_stride];
	cleanup_free struct ledger_departed_domain *departed = ledger_departed_take(
		&book->departed, uuid);

	book->domains[row] = (struct ledger_domain){ .uuid = *uuid };
	book->bases[row] = (struct ledger_base){ 0 };
	memset(shares, 0, book->shares_stride * sizeof(*shares));
	if (departed) {
		memcpy(book->domains[row].quality_ns, departed->quality_ns,
			sizeof(departed->quality_ns));
		memcpy(book->bases[row].quality_ns, departed->quality_ns,
			sizeof(departed->quality_ns));
		memcpy(shares, departed->shares, departed->n_shares * sizeof(*shares));
		for (uint32_t zone = 0; zone < departed->n_shares; zone++) {
			book->zones[zone].departed.dynamic_uj -= shares[zone].dynamic_uj;
			book->zones[zone].departed.idle_uj -= shares[zone].idle_uj;
		}
	}
	memcpy(bases, shares, book->shares_stride * sizeof(*shares));
}

int ledger_book_take_domain(
	struct ledger_book *book, const struct uuid *uuid, uint32_t *ret_row)
{
	uint32_t row = book->header.counts.domains, position;
	bool found;
	int r;

	position = search(book, uuid, &found);
	if (found) {
		*ret_row = book->by_uuid[position];
		return 0;
	}
	r = ledger_book_reserve(book, 0, row + 1);
	if (r < 0)
		return r;
	memmove(&book->by_uuid[position + 1], &book->by_uuid[position],
		(row - position) * sizeof(*book->by_uuid));
	book->by_uuid[position] = row;
	fill_row(book, row, uuid);
	book->changed[row] = false;
	book->header.counts.domains++;
	mark_changed(book, row);
	*ret_row = row;
	return 0;
}

static int compare_rows(const void *a, const void *b, void *domains)
{
	const struct ledger_domain *rows = domains;

	return uuid_compare(
		&rows[*(const uint32_t *)a].uuid, &rows[*(const uint32_t *)b].uuid);
}

int ledger_book_sort(struct ledger_book *book)
{
	uint32_t n = book->header.counts.domains;

	for (uint32_t row = 0; row < n; row++)
		book->by_uuid[row] = row;
	if (n > 1)
		qsort_r(book->by_uuid, n, sizeof(*book->by_uuid), compare_rows,
			book->domains);
	for (uint32_t i = 1; i < n; i++) {
		if (compare_rows(
			    &book->by_uuid[i - 1], &book->by_uuid[i], book->domains) == 0)
			return -EBADMSG;
	}
	return 0;
}

static void void_epoch(struct ledger_domain *domain)
{
	domain->epoch = (struct uuid){ 0 };
	domain->epoch_from_start = false;
	memset(domain->guest_uj, 0, sizeof(domain->guest_uj));
}

void ledger_book_drop_epochs(struct ledger_book *book)
{
	for (uint32_t row = 0; row < book->header.counts.domains; row++) {
		if (book->domains[row].epoch_sequence < book->header.epoch_sequence)
			void_epoch(&book->domains[row]);
	}
}

void ledger_book_end_epochs(struct ledger_book *book)
{
	book->header.epoch_sequence = book->header.sequence + 1;
	ledger_book_drop_epochs(book);
}

void ledger_book_enter_boot(struct ledger_book *book, const struct uuid *boot_id)
{
	ledger_book_end_epochs(book);
	/* A sequence of its own: no domain is in the sample of this one. */
	book->header.sequence++;
	book->header.boot_id = *boot_id;
	for (uint32_t i = 0; i < book->header.counts.zones; i++)
		book->zones[i].raw.valid = false;
}

void ledger_book_abandon(struct ledger_book *book, uint64_t to_sequence)
{
	struct ledger_header *header = &book->header;
	uint64_t before = header->sequence;

	header->abandoned_from = header->closed.to_sequence;
	header->abandoned_to = to_sequence;
	if (before > to_sequence)
		return;
	/* What closes next may end with this one: it is behind them already. */
	header->sequence = to_sequence + 1;
	for (uint32_t row = 0; row < header->counts.domains; row++) {
		if (book->domains[row].sequence == before)
			book->domains[row].sequence = header->sequence;
	}
	book->store_all = true;
}

bool ledger_book_has_epoch(
	const struct ledger_book *book, uint32_t row, pid_t pid, uint64_t start_ticks)
{
	const struct ledger_domain *domain = &book->domains[row];

	return !uuid_is_nil(&domain->epoch) && domain->pid == pid &&
	       domain->start_ticks == start_ticks;
}

void ledger_book_begin_epoch(struct ledger_book *book, uint32_t row, pid_t pid,
	uint64_t start_ticks, const struct uuid *epoch, bool from_start)
{
	struct ledger_domain *domain = &book->domains[row];

	void_epoch(domain);
	domain->epoch = *epoch;
	domain->epoch_from_start = from_start;
	domain->epoch_sequence = book->header.sequence + 1;
	domain->pid = pid;
	domain->start_ticks = start_ticks;
	mark_changed(book, row);
}

static int take_zone(struct ledger_book *book, const char *name, uint32_t *ret_row)
{
	ssize_t known = ledger_book_find_zone(book, name);
	uint32_t row = book->header.counts.zones;
	int r;

	if (known >= 0) {
		*ret_row = (uint32_t)known;
		return 0;
	}
	r = ledger_book_reserve(book, row + 1, 0);
	if (r < 0)
		return r;
	book->zones[row] = (struct ledger_zone){ 0 };
	snprintf(book->zones[row].name, sizeof(book->zones[row].name), "%s", name);
	book->header.counts.zones++;
	*ret_row = row;
	return 0;
}

int ledger_book_prepare(struct ledger_book *book, const struct ledger_update *update)
{
	const struct sample *sample = update->sample;
	const struct tick *tick = update->tick;
	int r;

	r = reserve_rows(book, sample->n_domains > tick->n_domains ? sample->n_domains
								   : tick->n_domains);
	for (size_t i = 0; r == 0 && i < update->machine->n_zones; i++)
		r = take_zone(book, update->machine->zones[i].name, &book->zone_rows[i]);
	for (size_t i = 0; r == 0 && i < sample->n_domains; i++)
		r = ledger_book_take_domain(
			book, &sample->domains[i].uuid, &book->sample_rows[i]);
	for (size_t i = 0; r == 0 && i < tick->n_domains; i++)
		r = ledger_book_take_domain(
			book, &tick->domains[i].uuid, &book->tick_rows[i]);
	return r;
}

/* Of zones whose idle power was known; what it was is host/tick.h's. */
static uint64_t idle_origins(const struct tick *tick)
{
	static const uint64_t bits[] = { [IDLE_POWER_LEARNED] = LEDGER_IDLE_LEARNED,
		[IDLE_POWER_CONFIGURED] = LEDGER_IDLE_CONFIGURED,
		[IDLE_POWER_CALIBRATED] = LEDGER_IDLE_CALIBRATED };
	uint64_t origins = 0;

	for (size_t i = 0; i < tick->n_zones; i++) {
		if (tick->zones[i].idle_uw > 0)
			origins |= bits[tick->zones[i].idle_origin];
	}
	return origins;
}

static void add_zones(struct ledger_book *book, const struct ledger_update *update)
{
	for (uint32_t i = 0; i < book->header.counts.zones; i++)
		book->zones[i].raw.valid = false;
	for (size_t i = 0; i < update->machine->n_zones; i++) {
		struct ledger_zone *zone = &book->zones[book->zone_rows[i]];
		const struct tick_zone *tick = &update->tick->zones[i];

		zone->max_energy_range_uj = update->machine->zones[i].max_energy_range_uj;
		zone->total_uj += tick->total_uj;
		zone->unattributed_uj += tick->unattributed_uj;
		zone->host.dynamic_uj += tick->host.dynamic_uj;
		zone->host.idle_uj += tick->host.idle_uj;
		zone->raw = update->sample->zones[i];
		if (update->idle_states)
			memcpy(zone->idle_state, update->idle_states[i],
				sizeof(zone->idle_state));
	}
}

static void set_name(struct ledger_domain *domain, const char *name)
{
	size_t n = utf8_cut(name, LEDGER_NAME_SIZE - 1);

	memset(domain->name, 0, sizeof(domain->name));
	memcpy(domain->name, name, n);
}

static void add_sampled(struct ledger_book *book, const struct ledger_update *update)
{
	const struct sample *sample = update->sample;

	for (size_t i = 0; i < sample->n_domains; i++) {
		uint32_t row = book->sample_rows[i];
		const struct sample_domain *from = &sample->domains[i];
		struct ledger_domain *domain = &book->domains[row];

		if (domain->sequence == 0) {
			domain->first_wall_ns = update->wall_ns;
			domain->first_boottime_ns = sample->boottime_ns;
		}
		domain->sequence = book->header.sequence;
		domain->last_wall_ns = update->wall_ns;
		domain->last_boottime_ns = sample->boottime_ns;
		domain->n_vcpus = from->n_vcpus;
		domain->max_vcpus = from->max_vcpus;
		domain->vcpus_per_socket = from->vcpus_per_socket;
		domain->exited_ns = from->exited_ns;
		if (update->names && update->names[i])
			set_name(domain, update->names[i]);
		/* They hardly ever change. */
		if (update->labels && update->labels[i] &&
			strcmp(domain->labels, update->labels[i]) != 0) {
			snprintf(domain->labels, sizeof(domain->labels), "%s",
				update->labels[i]);
			domain->relabelled = true;
		}
		mark_changed(book, row);
	}
}

static void add_share(struct tick_share *to, const struct tick_share *share)
{
	to->dynamic_uj += share->dynamic_uj;
	to->idle_uj += share->idle_uj;
}

static void add_shares(struct ledger_book *book, const struct tick *tick)
{
	for (size_t i = 0; i < tick->n_domains; i++) {
		uint32_t row = book->tick_rows[i];
		struct ledger_domain *domain = &book->domains[row];
		struct tick_share *shares =
			&book->shares[(size_t)row * book->shares_stride];

		for (size_t zone = 0; zone < tick->n_zones; zone++) {
			const struct tick_share *share = tick_share(tick, i, zone);
			uint32_t zone_row = book->zone_rows[zone];

			add_share(&shares[zone_row], share);
			add_share(&book->zones[zone_row].domains, share);
		}
		for (size_t place = 0; place < MESSAGE_ZONES_MAX; place++)
			domain->guest_uj[place] += tick->domains[i].guest_uj[place];
		domain->quality_ns[tick->quality] += tick->dt_ns;
		mark_changed(book, row);
	}
}

void ledger_book_add(struct ledger_book *book, const struct ledger_update *update)
{
	const struct sample *sample = update->sample;
	struct ledger_header *header = &book->header;

	header->sequence++;
	header->boottime_ns = sample->boottime_ns;
	header->monotonic_ns = sample->monotonic_ns;
	header->wall_ns = update->wall_ns;
	header->quality_ns[update->tick->quality] += update->tick->dt_ns;
	header->open.to_sequence = header->sequence;
	header->open.sources |= update->source | idle_origins(update->tick);
	header->counts.cpus = (uint32_t)sample->n_cpus;
	header->counts.threads = 0;
	for (size_t i = 0; i < sample->n_domains; i++)
		header->counts.threads += sample->domains[i].n_threads;
	add_zones(book, update);
	add_sampled(book, update);
	add_shares(book, update->tick);
}
