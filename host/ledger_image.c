/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The ledger's format: slots, checksums, commit, and the check of a whole file. */
#include "host/ledger_image.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "host/ledger_super.h"

#define WORD	      LEDGER_WORD
#define ROW_WORDS_MAX (LEDGER_DOMAIN_WORDS + LEDGER_SHARE_WORDS * LEDGER_ZONES_MAX)
#define HEADER_WORDS  (ROW_PAYLOAD + LEDGER_HEADER_BYTES / 8)
#define ZONE_WORDS    (ROW_PAYLOAD + LEDGER_ZONE_BYTES / 8)
/* Another length is another version of the format. */
_Static_assert(LABELS_SIZE == 1024, "rows of labels have this length in version 3");

static const char *const table_names[LEDGER_TABLES] = { "header", "zone", "domain",
	"thread", "cpu", "base", "label" };

/* Of a row in its place; the place counts, so that no row passes for another. */
static uint64_t row_check(
	const uint8_t *row, size_t words, enum ledger_table table, uint32_t index)
{
	uint64_t even = ledger_mix(
		(uint64_t)table << 32 | index, ledger_word(row, ROW_SEQUENCE));
	uint64_t odd = 0;
	size_t i;

	/* Two sums, as the processor computes both in the time of one. */
	for (i = ROW_PAYLOAD; i + 1 < words; i += 2) {
		even = ledger_mix(even, ledger_word(row, i));
		odd = ledger_mix(odd, ledger_word(row, i + 1));
	}
	if (i < words)
		even = ledger_mix(even, ledger_word(row, i));
	return ledger_mix(even, odd);
}

size_t ledger_image_size(uint32_t n_slots, const struct ledger_counts *sizes)
{
	struct ledger_image image;

	return (size_t)ledger_super_lay_out(&image, LEDGER_VERSION, n_slots, sizes);
}

void ledger_image_format(struct ledger_image *image, uint8_t *data, uint32_t n_slots,
	const struct ledger_counts *sizes)
{
	assert(n_slots == 1 || n_slots == 2);
	assert(sizes->zones <= LEDGER_ZONES_MAX);
	ledger_super_lay_out(image, LEDGER_VERSION, n_slots, sizes);
	image->data = data;
	ledger_super_encode(image, data);
}

static uint8_t *slot_at(const struct ledger_image *image, enum ledger_table table,
	uint32_t index, uint32_t slot)
{
	return image->data + image->tables[table].offset +
	       ((size_t)index * image->n_slots + slot) * image->tables[table].words *
		       WORD;
}

static bool slot_is_whole(const struct ledger_image *image, enum ledger_table table,
	uint32_t index, const uint8_t *row)
{
	return ledger_word(row, ROW_CHECK) ==
	       row_check(row, image->tables[table].words, table, index);
}

/* The slot that the commit of this sequence means; NULL: none is whole. */
static uint8_t *select_slot(const struct ledger_image *image, enum ledger_table table,
	uint32_t index, uint64_t committed)
{
	uint8_t *selected = NULL;

	for (uint32_t slot = 0; slot < image->n_slots; slot++) {
		uint8_t *row = slot_at(image, table, index, slot);
		uint64_t sequence = ledger_word(row, ROW_SEQUENCE);

		if (sequence == 0 || sequence > committed ||
			(selected && sequence < ledger_word(selected, ROW_SEQUENCE)))
			continue;
		if (slot_is_whole(image, table, index, row))
			selected = row;
	}
	return selected;
}

static const uint8_t *committed_row(
	const struct ledger_image *image, enum ledger_table table, uint32_t index)
{
	const uint8_t *row = select_slot(image, table, index, image->header.sequence);

	assert(row);
	return row;
}

static const uint8_t *payload_at(
	const struct ledger_image *image, enum ledger_table table, uint32_t index)
{
	return committed_row(image, table, index) + ROW_PAYLOAD * WORD;
}

/* The fields of a row; those its version does not have are 0. */
static void get_payload(const struct ledger_image *image, enum ledger_table table,
	const uint8_t *row, uint8_t *payload, size_t size)
{
	size_t has = (image->tables[table].words - ROW_PAYLOAD) * WORD;

	if (has > size)
		has = size;
	memcpy(payload, row + ROW_PAYLOAD * WORD, has);
	memset(payload + has, 0, size - has);
}

static int decode_header(struct ledger_image *image, char *message)
{
	uint64_t commit = ledger_word(image->data + LEDGER_COMMIT_OFFSET, 0);
	uint32_t committed = (uint32_t)commit;
	const struct ledger_counts *counts = &image->header.counts;
	uint8_t payload[LEDGER_HEADER_BYTES];

	if (committed != (uint32_t) ~(commit >> 32)) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "its commit word is corrupt");
		return -EBADMSG;
	}
	for (uint32_t slot = 0; slot < image->n_slots; slot++) {
		const uint8_t *row = slot_at(image, LEDGER_HEADER, 0, slot);

		if ((uint32_t)ledger_word(row, ROW_SEQUENCE) == committed &&
			slot_is_whole(image, LEDGER_HEADER, 0, row)) {
			image->header.sequence = ledger_word(row, ROW_SEQUENCE);
			get_payload(image, LEDGER_HEADER, row, payload, sizeof(payload));
			ledger_header_decode(payload, &image->header, &image->digest);
		}
	}
	if (image->header.sequence == 0) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "its header is corrupt");
		return -EBADMSG;
	}
	if (counts->zones > image->sizes.zones ||
		counts->domains > image->sizes.domains ||
		counts->threads > image->sizes.threads ||
		counts->cpus > image->sizes.cpus) {
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"its header counts more rows than fit");
		return -EBADMSG;
	}
	return 0;
}

static int check_rows(const struct ledger_image *image, char *message)
{
	uint64_t digest = 0;

	for (enum ledger_table table = LEDGER_ZONES; table < LEDGER_TABLES; table++) {
		for (uint32_t i = 0;
			i < ledger_table_rows(image, &image->header.counts, table); i++) {
			const uint8_t *row = select_slot(
				image, table, i, image->header.sequence);

			if (!row) {
				snprintf(message, LEDGER_MESSAGE_SIZE,
					"its %s %u is corrupt", table_names[table], i);
				return -EBADMSG;
			}
			digest += ledger_word(row, ROW_CHECK);
		}
	}
	if (digest != image->digest) {
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"some of its rows are older than its header");
		return -EBADMSG;
	}
	return 0;
}

int ledger_image_decode(uint8_t *data, size_t size, struct ledger_image *ret_image,
	char message[LEDGER_MESSAGE_SIZE])
{
	struct ledger_image image;
	int r;

	r = ledger_super_decode(&image, data, size, message);
	if (r == 0)
		r = decode_header(&image, message);
	if (r == 0)
		r = check_rows(&image, message);
	if (r == 0)
		*ret_image = image;
	return r;
}

void ledger_image_scrub(struct ledger_image *image)
{
	for (enum ledger_table table = LEDGER_HEADER; table < LEDGER_TABLES; table++) {
		for (uint32_t i = 0; i < ledger_table_rows(image, &image->sizes, table);
			i++) {
			for (uint32_t slot = 0; slot < image->n_slots; slot++) {
				uint8_t *row = slot_at(image, table, i, slot);

				if (ledger_word(row, ROW_SEQUENCE) == 0)
					continue;
				if (ledger_word(row, ROW_SEQUENCE) >
						image->header.sequence ||
					!slot_is_whole(image, table, i, row))
					memset(row, 0, image->tables[table].words * WORD);
			}
		}
	}
}

void ledger_image_get_zone(
	const struct ledger_image *image, uint32_t index, struct ledger_zone *ret_zone)
{
	uint8_t payload[LEDGER_ZONE_BYTES];

	get_payload(image, LEDGER_ZONES, committed_row(image, LEDGER_ZONES, index),
		payload, sizeof(payload));
	ledger_zone_decode(payload, ret_zone);
}

void ledger_image_get_domain(const struct ledger_image *image, uint32_t index,
	struct ledger_domain *ret_domain, struct tick_share *ret_shares)
{
	ledger_domain_decode(payload_at(image, LEDGER_DOMAINS, index), ret_domain,
		ret_shares, image->header.counts.zones);
}

void ledger_image_get_thread(const struct ledger_image *image, uint32_t index,
	struct ledger_thread *ret_thread)
{
	ledger_thread_decode(payload_at(image, LEDGER_THREADS, index), ret_thread);
}

void ledger_image_get_cpu(
	const struct ledger_image *image, uint32_t index, uint64_t *ret_busy_ns)
{
	*ret_busy_ns = ledger_word(payload_at(image, LEDGER_CPUS, index), 0);
}

void ledger_image_get_base(const struct ledger_image *image, uint32_t index,
	struct ledger_base *ret_base, struct tick_share *ret_shares)
{
	uint32_t n_shares = image->header.counts.zones;

	*ret_base = (struct ledger_base){ 0 };
	memset(ret_shares, 0, n_shares * sizeof(*ret_shares));
	if (ledger_table_rows(image, &image->header.counts, LEDGER_BASES) > 0)
		ledger_base_decode(payload_at(image, LEDGER_BASES, index), ret_base,
			ret_shares, n_shares);
}

void ledger_image_get_labels(
	const struct ledger_image *image, uint32_t index, char ret_labels[LABELS_SIZE])
{
	memset(ret_labels, 0, LABELS_SIZE);
	if (ledger_table_rows(image, &image->header.counts, LEDGER_LABELS) > 0)
		memcpy(ret_labels, payload_at(image, LEDGER_LABELS, index), LABELS_SIZE);
}

void ledger_image_begin(struct ledger_image *image, uint64_t sequence)
{
	assert(image->next_sequence == 0 && sequence > image->header.sequence);
	assert(image->n_slots == 2 || image->header.sequence == 0);
	image->next_sequence = sequence;
	image->next_digest = image->digest;
}

/* The slot that was written last: the committed one, unless the row is new. */
static uint8_t *latest_slot(
	const struct ledger_image *image, enum ledger_table table, uint32_t index)
{
	uint8_t *a = slot_at(image, table, index, 0);
	uint8_t *b = slot_at(image, table, index, image->n_slots - 1);

	return ledger_word(a, ROW_SEQUENCE) < ledger_word(b, ROW_SEQUENCE) ? b : a;
}

/* Completes the row, which has its payload, and writes it into the other slot. */
static void write_row(
	struct ledger_image *image, enum ledger_table table, uint32_t index, uint8_t *row)
{
	size_t size = image->tables[table].words * WORD;
	bool live = table != LEDGER_HEADER && image->header.sequence != 0 &&
		    index < ledger_table_rows(image, &image->header.counts, table);
	const uint8_t *latest = latest_slot(image, table, index);
	uint8_t *target = slot_at(image, table, index, image->n_slots - 1);

	assert(index < ledger_table_rows(image, &image->sizes, table));
	assert(ledger_word(latest, ROW_SEQUENCE) < image->next_sequence);
	if (target == latest)
		target = slot_at(image, table, index, 0);
	if (live) {
		if (memcmp(latest + ROW_PAYLOAD * WORD, row + ROW_PAYLOAD * WORD,
			    size - ROW_PAYLOAD * WORD) == 0)
			return;
		image->next_digest -= ledger_word(latest, ROW_CHECK);
	}
	ledger_set_word(row, ROW_SEQUENCE, image->next_sequence);
	ledger_set_word(
		row, ROW_CHECK, row_check(row, image->tables[table].words, table, index));
	image->next_digest += ledger_word(row, ROW_CHECK);
	memcpy(target, row, size);
}

void ledger_image_put_zone(
	struct ledger_image *image, uint32_t index, const struct ledger_zone *zone)
{
	uint8_t row[ZONE_WORDS * WORD];

	ledger_zone_encode(zone, row + ROW_PAYLOAD * WORD);
	write_row(image, LEDGER_ZONES, index, row);
}

/* Those of zones there is room for but that are not. */
static void clear_shares(
	const struct ledger_image *image, uint32_t words, uint32_t n_shares, uint8_t *row)
{
	memset(row + (words + LEDGER_SHARE_WORDS * n_shares) * WORD, 0,
		LEDGER_SHARE_WORDS * (image->sizes.zones - n_shares) * WORD);
}

void ledger_image_put_domain(struct ledger_image *image, uint32_t index,
	const struct ledger_domain *domain, const struct tick_share *shares,
	uint32_t n_shares)
{
	uint8_t row[ROW_WORDS_MAX * WORD];

	assert(n_shares <= image->sizes.zones);
	ledger_domain_encode(domain, shares, n_shares, row + ROW_PAYLOAD * WORD);
	clear_shares(image, LEDGER_DOMAIN_WORDS, n_shares, row);
	write_row(image, LEDGER_DOMAINS, index, row);
}

void ledger_image_put_base(struct ledger_image *image, uint32_t index,
	const struct ledger_base *base, const struct tick_share *shares,
	uint32_t n_shares)
{
	uint8_t row[ROW_WORDS_MAX * WORD];

	assert(n_shares <= image->sizes.zones);
	ledger_base_encode(base, shares, n_shares, row + ROW_PAYLOAD * WORD);
	clear_shares(image, LEDGER_BASE_WORDS, n_shares, row);
	write_row(image, LEDGER_BASES, index, row);
}

void ledger_image_put_labels(
	struct ledger_image *image, uint32_t index, const char *labels)
{
	uint8_t row[LEDGER_LABELS_WORDS * WORD] = { 0 };

	memcpy(row + ROW_PAYLOAD * WORD, labels, strnlen(labels, LABELS_SIZE));
	write_row(image, LEDGER_LABELS, index, row);
}

void ledger_image_put_thread(
	struct ledger_image *image, uint32_t index, const struct ledger_thread *thread)
{
	uint8_t row[LEDGER_THREAD_WORDS * WORD];

	ledger_thread_encode(thread, row + ROW_PAYLOAD * WORD);
	write_row(image, LEDGER_THREADS, index, row);
}

void ledger_image_put_cpu(struct ledger_image *image, uint32_t index, uint64_t busy_ns)
{
	uint8_t row[LEDGER_CPU_WORDS * WORD];

	ledger_set_word(row, ROW_PAYLOAD, busy_ns);
	write_row(image, LEDGER_CPUS, index, row);
}

/* Takes the rows that the next header no longer counts out of the sum. */
static void drop_rows(struct ledger_image *image, const struct ledger_counts *next)
{
	for (enum ledger_table table = LEDGER_ZONES; table < LEDGER_TABLES; table++) {
		for (uint32_t i = ledger_table_rows(image, next, table);
			i < ledger_table_rows(image, &image->header.counts, table); i++) {
			image->next_digest -= ledger_word(
				latest_slot(image, table, i), ROW_CHECK);
		}
	}
}

void ledger_image_commit(struct ledger_image *image, const struct ledger_header *header)
{
	uint64_t committed = (uint32_t)header->sequence;
	uint8_t row[HEADER_WORDS * WORD];

	assert(header->sequence == image->next_sequence);
	drop_rows(image, &header->counts);
	image->digest = image->next_digest;
	ledger_header_encode(header, image->digest, row + ROW_PAYLOAD * WORD);
	write_row(image, LEDGER_HEADER, 0, row);
	committed |= (uint64_t)(uint32_t)~committed << 32;
	__atomic_store_n((uint64_t *)(void *)(image->data + LEDGER_COMMIT_OFFSET),
		htole64(committed), __ATOMIC_RELEASE);
	/* The next commit overwrites what the commit before this one needs. */
	atomic_thread_fence(memory_order_seq_cst);
	image->header = *header;
	image->next_sequence = 0;
}

void ledger_image_copy(struct ledger_image *to, const struct ledger_image *from)
{
	const struct ledger_counts *counts = &from->header.counts;
	struct tick_share shares[LEDGER_ZONES_MAX];
	struct ledger_domain domain;
	struct ledger_thread thread;
	char labels[LABELS_SIZE];
	struct ledger_base base;
	struct ledger_zone zone;
	uint64_t busy_ns;

	ledger_image_begin(to, from->header.sequence);
	for (uint32_t i = 0; i < counts->zones; i++) {
		ledger_image_get_zone(from, i, &zone);
		ledger_image_put_zone(to, i, &zone);
	}
	for (uint32_t i = 0; i < counts->domains; i++) {
		ledger_image_get_domain(from, i, &domain, shares);
		ledger_image_put_domain(to, i, &domain, shares, counts->zones);
		ledger_image_get_base(from, i, &base, shares);
		ledger_image_put_base(to, i, &base, shares, counts->zones);
		ledger_image_get_labels(from, i, labels);
		ledger_image_put_labels(to, i, labels);
	}
	for (uint32_t i = 0; i < counts->threads; i++) {
		ledger_image_get_thread(from, i, &thread);
		ledger_image_put_thread(to, i, &thread);
	}
	for (uint32_t i = 0; i < counts->cpus; i++) {
		ledger_image_get_cpu(from, i, &busy_ns);
		ledger_image_put_cpu(to, i, busy_ns);
	}
	ledger_image_commit(to, &from->header);
}
