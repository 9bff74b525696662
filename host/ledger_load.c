/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The book from an image, and back. */
#include "host/ledger_load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/ledger_close.h"
#include "shared/cleanup.h"

/* The bases change when an interval closes, then all rows are stored. */
static void store_domain(
	struct ledger_book *book, struct ledger_image *image, uint32_t row, bool all)
{
	size_t share = (size_t)row * book->shares_stride;
	struct ledger_domain *domain = &book->domains[row];

	all |= row >= image->header.counts.domains;
	ledger_image_put_domain(
		image, row, domain, &book->shares[share], book->header.counts.zones);
	if (all)
		ledger_image_put_base(image, row, &book->bases[row],
			&book->base_shares[share], book->header.counts.zones);
	if (all || domain->relabelled)
		ledger_image_put_labels(image, row, domain->labels);
	domain->relabelled = false;
}

static void store_sample(
	struct ledger_book *book, const struct sample *sample, struct ledger_image *image)
{
	uint32_t index = 0;

	for (size_t i = 0; i < sample->n_domains; i++) {
		const struct sample_domain *domain = &sample->domains[i];

		for (uint32_t t = 0; t < domain->n_threads; t++) {
			const struct ledger_thread thread = { book->sample_rows[i],
				sample->threads[domain->first_thread + t] };

			ledger_image_put_thread(image, index++, &thread);
		}
	}
	for (uint32_t i = 0; i < sample->n_cpus; i++)
		ledger_image_put_cpu(image, i, sample->cpus[i].busy_ns);
}

void ledger_store(struct ledger_book *book, const struct ledger_update *update,
	struct ledger_image *image, bool all)
{
	const struct ledger_counts *counts = &book->header.counts;

	all |= book->store_all;
	ledger_image_begin(image, book->header.sequence);
	for (uint32_t i = 0; i < counts->zones; i++)
		ledger_image_put_zone(image, i, &book->zones[i]);
	if (all) {
		for (uint32_t row = 0; row < counts->domains; row++)
			store_domain(book, image, row, true);
	}
	for (uint32_t i = 0; i < book->n_changed; i++) {
		uint32_t row = book->changed_rows[i];

		book->changed[row] = false;
		if (!all)
			store_domain(book, image, row, false);
	}
	book->n_changed = 0;
	book->store_all = false;
	store_sample(book, update->sample, image);
	ledger_image_commit(image, &book->header);
}

void ledger_store_abandon(struct ledger_book *book)
{
	if (book->domains_size > 0)
		memset(book->changed, 0, book->domains_size * sizeof(*book->changed));
	book->n_changed = 0;
	book->store_all = true;
}

static void cleanup_bookp(struct ledger_book **book)
{
	ledger_book_free(*book);
}

static int load_zones(struct ledger_book *book, const struct ledger_image *image)
{
	uint32_t n = image->header.counts.zones;

	for (uint32_t i = 0; i < n; i++) {
		struct ledger_zone *zone = &book->zones[i];

		ledger_image_get_zone(image, i, zone);
		if (!zone->name[0] || !memchr(zone->name, '\0', sizeof(zone->name)))
			return -EBADMSG;
		book->header.counts.zones = i;
		if (ledger_book_find_zone(book, zone->name) >= 0)
			return -EBADMSG;
	}
	book->header.counts.zones = n;
	return 0;
}

static int load_domains(struct ledger_book *book, const struct ledger_image *image)
{
	uint32_t n = image->header.counts.domains;

	for (uint32_t row = 0; row < n; row++) {
		struct ledger_domain *domain = &book->domains[row];
		size_t share = (size_t)row * book->shares_stride;
		size_t size = book->shares_stride * sizeof(*book->shares);

		memset(&book->shares[share], 0, size);
		memset(&book->base_shares[share], 0, size);
		ledger_image_get_domain(image, row, domain, &book->shares[share]);
		ledger_image_get_base(
			image, row, &book->bases[row], &book->base_shares[share]);
		ledger_image_get_labels(image, row, domain->labels);
		if (!memchr(domain->name, '\0', sizeof(domain->name)) ||
			!memchr(domain->labels, '\0', sizeof(domain->labels)) ||
			!labels_are_valid(domain->labels) ||
			domain->sequence > image->header.sequence)
			return -EBADMSG;
		book->changed[row] = false;
	}
	book->header.counts.domains = n;
	return ledger_book_sort(book);
}

static bool share_is_within(const struct tick_share *share, const struct tick_share *all)
{
	return share->dynamic_uj <= all->dynamic_uj && share->idle_uj <= all->idle_uj;
}

static bool quality_is_within(const uint64_t quality_ns[MESSAGE_DEGRADED + 1],
	const uint64_t all_ns[MESSAGE_DEGRADED + 1])
{
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++) {
		if (quality_ns[i] > all_ns[i])
			return false;
	}
	return true;
}

/* No more is closed than there is. */
static int check_bases(const struct ledger_book *book)
{
	const struct ledger_header *header = &book->header;

	if (header->closed.to_sequence > header->sequence ||
		!quality_is_within(header->closed_quality_ns, header->quality_ns))
		return -EBADMSG;
	for (uint32_t i = 0; i < header->counts.zones; i++) {
		const struct ledger_zone *zone = &book->zones[i];

		if (!share_is_within(&zone->closed_host, &zone->host) ||
			zone->closed_unattributed_uj > zone->unattributed_uj)
			return -EBADMSG;
	}
	for (uint32_t row = 0; row < header->counts.domains; row++) {
		size_t share = (size_t)row * book->shares_stride;

		if (!quality_is_within(
			    book->bases[row].quality_ns, book->domains[row].quality_ns))
			return -EBADMSG;
		for (uint32_t i = 0; i < header->counts.zones; i++) {
			if (!share_is_within(&book->base_shares[share + i],
				    &book->shares[share + i]))
				return -EBADMSG;
		}
	}
	return 0;
}

/* In every zone: domains + host + unattributed == total. */
static int add_up_zones(struct ledger_book *book)
{
	for (uint32_t i = 0; i < book->header.counts.zones; i++) {
		struct ledger_zone *zone = &book->zones[i];
		struct tick_share *domains = &zone->domains;

		*domains = zone->departed;
		for (uint32_t row = 0; row < book->header.counts.domains; row++) {
			const struct tick_share *share =
				&book->shares[(size_t)row * book->shares_stride + i];

			domains->dynamic_uj += share->dynamic_uj;
			domains->idle_uj += share->idle_uj;
		}
		if (domains->dynamic_uj + domains->idle_uj + zone->host.dynamic_uj +
				zone->host.idle_uj + zone->unattributed_uj !=
			zone->total_uj)
			return -EBADMSG;
	}
	return 0;
}

/* Adds the domain of this row and its threads, from *index on. */
static int load_sampled(const struct ledger_book *book, uint32_t row,
	const struct ledger_image *image, uint32_t *index, struct sample *sample)
{
	const struct ledger_domain *from = &book->domains[row];
	struct sample_domain *domain = sample_add_domain(sample);

	if (!domain)
		return -ENOMEM;
	domain->uuid = from->uuid;
	domain->pid = from->pid;
	domain->start_ticks = from->start_ticks;
	domain->n_vcpus = from->n_vcpus;
	domain->max_vcpus = from->max_vcpus;
	domain->vcpus_per_socket = from->vcpus_per_socket;
	domain->exited_ns = from->exited_ns;
	domain->first_thread = *index;
	while (*index < image->header.counts.threads) {
		struct sample_thread *thread;
		struct ledger_thread next;

		ledger_image_get_thread(image, *index, &next);
		if (next.domain != row)
			break;
		if (next.thread.kind > SAMPLE_THREAD_VHOST)
			return -EBADMSG;
		thread = sample_add_thread(sample);
		if (!thread)
			return -ENOMEM;
		*thread = next.thread;
		++*index;
	}
	domain->n_threads = *index - domain->first_thread;
	return 0;
}

static int load_sample(const struct ledger_book *book, const struct ledger_image *image,
	struct sample *sample)
{
	const struct ledger_header *header = &book->header;
	uint32_t index = 0;
	int r;

	sample->boottime_ns = header->boottime_ns;
	sample->monotonic_ns = header->monotonic_ns;
	for (uint32_t i = 0; i < header->counts.domains; i++) {
		uint32_t row = book->by_uuid[i];

		if (book->domains[row].sequence != header->sequence)
			continue;
		r = load_sampled(book, row, image, &index, sample);
		if (r < 0)
			return r;
	}
	if (index != header->counts.threads)
		return -EBADMSG;
	r = sample_reserve_cpus(sample, header->counts.cpus);
	if (r < 0)
		return r;
	sample->n_cpus = header->counts.cpus;
	for (uint32_t i = 0; i < header->counts.cpus; i++) {
		sample->cpus[i] = (struct sample_cpu){ 0 };
		ledger_image_get_cpu(image, i, &sample->cpus[i].busy_ns);
	}
	return 0;
}

int ledger_load(const struct ledger_image *image, struct ledger_book **ret_book,
	struct sample *ret_sample, char message[LEDGER_MESSAGE_SIZE])
{
	const struct ledger_header *header = &image->header;
	cleanup(cleanup_bookp) struct ledger_book *book = NULL;
	cleanup(sample_deinit) struct sample sample = { 0 };
	int r;

	r = ledger_book_new(&header->book, &header->boot_id, &book);
	if (r == 0)
		r = ledger_book_reserve(
			book, header->counts.zones, header->counts.domains);
	if (r == 0)
		r = load_zones(book, image);
	if (r == 0)
		r = load_domains(book, image);
	if (r == 0)
		r = add_up_zones(book);
	if (r == 0) {
		book->header = *header;
		r = check_bases(book);
	}
	if (r == 0) {
		ledger_book_drop_epochs(book);
		if (header->open.until_s == 0)
			ledger_close_before(book);
		r = load_sample(book, image, &sample);
	}
	if (r == -EBADMSG)
		snprintf(message, LEDGER_MESSAGE_SIZE, "its rows do not add up");
	if (r < 0)
		return r;
	sample_deinit(ret_sample);
	*ret_sample = sample;
	sample = (struct sample){ 0 };
	*ret_book = steal_pointer(&book);
	return 0;
}
