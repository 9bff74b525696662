/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Blocks, written and read. */
#include "host/interval_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/ledger_super.h"
#include "shared/cleanup.h"

#define MAGIC	   "vmpintv\x1a"
#define WORD	   LEDGER_WORD
#define QUALITIES  (MESSAGE_DEGRADED + 1)
#define HEAD_WORDS 16u
#define ZONE_WORDS (MACHINE_ZONE_NAME_SIZE / WORD + 3)
#define CHECK_WORD 3
#define UUID_WORDS 2
/* Behind the texts. */
#define NUMBER_WORDS(n_zones) (QUALITIES + 2 * (size_t)(n_zones))

/* The words to write next, or to read, of which n are left. */
struct cursor {
	uint8_t *at;
	size_t n;
};

static void put(struct cursor *cursor, uint64_t value)
{
	ledger_set_word(cursor->at, 0, value);
	cursor->at += WORD;
}

static uint64_t get(struct cursor *cursor)
{
	uint64_t value = ledger_word(cursor->at, 0);

	cursor->at += WORD;
	cursor->n--;
	return value;
}

static void put_share(struct cursor *cursor, const struct tick_share *share)
{
	put(cursor, share->dynamic_uj);
	put(cursor, share->idle_uj);
}

static void get_share(struct cursor *cursor, struct tick_share *ret_share)
{
	ret_share->dynamic_uj = get(cursor);
	ret_share->idle_uj = get(cursor);
}

static void put_quality(struct cursor *cursor, const uint64_t quality_ns[QUALITIES])
{
	for (size_t i = 0; i < QUALITIES; i++)
		put(cursor, quality_ns[i]);
}

static void get_quality(struct cursor *cursor, uint64_t ret_quality_ns[QUALITIES])
{
	for (size_t i = 0; i < QUALITIES; i++)
		ret_quality_ns[i] = get(cursor);
}

static void put_bytes(struct cursor *cursor, const void *bytes, size_t n)
{
	memcpy(cursor->at, bytes, n);
	cursor->at += (n + WORD - 1) / WORD * WORD;
}

static const void *get_bytes(struct cursor *cursor, size_t n)
{
	const uint8_t *bytes = cursor->at;
	size_t words = (n + WORD - 1) / WORD;

	cursor->at += words * WORD;
	cursor->n -= words;
	return bytes;
}

/* How long it is, and the text itself. */
static size_t text_words(const char *text)
{
	return 1 + (strlen(text) + WORD - 1) / WORD;
}

static void put_text(struct cursor *cursor, const char *text)
{
	size_t n = strlen(text);

	put(cursor, n);
	put_bytes(cursor, text, n);
}

static int get_text(struct cursor *cursor, char *text, size_t size)
{
	uint64_t n = cursor->n > 0 ? get(cursor) : size;

	if (n >= size || cursor->n < (n + WORD - 1) / WORD)
		return -EBADMSG;
	memcpy(text, get_bytes(cursor, (size_t)n), (size_t)n);
	text[n] = '\0';
	return 0;
}

static uint64_t check_of(const uint8_t *data, size_t size)
{
	uint64_t even = 0, odd = 0;
	size_t n = size / WORD;

	for (size_t i = 0; i + 1 < n; i += 2) {
		even = ledger_mix(even, ledger_word(data, i));
		odd = ledger_mix(odd, i + 1 == CHECK_WORD ? 0 : ledger_word(data, i + 1));
	}
	if (n % 2)
		even = ledger_mix(even, ledger_word(data, n - 1));
	return ledger_mix(even, odd);
}

static size_t encoded_size(const struct interval_record *record)
{
	size_t words = HEAD_WORDS + record->n_zones * ZONE_WORDS +
		       record->n_domains * (UUID_WORDS + NUMBER_WORDS(record->n_zones));

	for (uint32_t i = 0; i < record->n_domains; i++)
		words += text_words(record->domains[i].name) +
			 text_words(record->domains[i].labels);
	return words * WORD;
}

static void put_head(
	struct cursor *cursor, const struct interval_record *record, size_t size)
{
	put_bytes(cursor, MAGIC, WORD);
	put(cursor, INTERVAL_BLOCK_VERSION);
	put(cursor, size);
	put(cursor, 0);
	put_bytes(cursor, record->book.bytes, sizeof(record->book.bytes));
	put(cursor, record->interval.from_sequence);
	put(cursor, record->interval.to_sequence);
	put(cursor, record->interval.since_s);
	put(cursor, record->interval.until_s);
	put(cursor, record->interval.sources);
	put_quality(cursor, record->quality_ns);
	put(cursor, record->n_zones);
	put(cursor, record->n_domains);
}

int interval_block_encode(
	const struct interval_record *record, uint8_t **ret_data, size_t *ret_size)
{
	size_t size = encoded_size(record);
	uint8_t *data;
	struct cursor cursor;

	if (size > INTERVAL_BLOCK_MAX)
		return -EFBIG;
	data = calloc(1, size);
	if (!data)
		return -ENOMEM;
	cursor = (struct cursor){ data, 0 };
	put_head(&cursor, record, size);
	for (uint32_t i = 0; i < record->n_zones; i++) {
		const struct interval_zone *zone = &record->zones[i];

		put_bytes(&cursor, zone->name, sizeof(zone->name));
		put_share(&cursor, &zone->host);
		put(&cursor, zone->unattributed_uj);
	}
	for (uint32_t i = 0; i < record->n_domains; i++) {
		const struct interval_domain *domain = &record->domains[i];

		put_bytes(&cursor, domain->uuid.bytes, sizeof(domain->uuid.bytes));
		put_text(&cursor, domain->name);
		put_text(&cursor, domain->labels);
		put_quality(&cursor, domain->quality_ns);
		for (uint32_t zone = 0; zone < record->n_zones; zone++)
			put_share(&cursor, interval_share(record, i, zone));
	}
	ledger_set_word(data, CHECK_WORD, check_of(data, size));
	*ret_data = data;
	*ret_size = size;
	return 0;
}

int interval_block_size(const uint8_t *head, size_t *ret_size)
{
	uint64_t size = ledger_word(head, 2);

	if (memcmp(head, MAGIC, WORD) != 0 || ledger_word(head, 1) == 0)
		return -EBADMSG;
	if (ledger_word(head, 1) > INTERVAL_BLOCK_VERSION)
		return -EPROTONOSUPPORT;
	if (size < HEAD_WORDS * WORD || size % WORD || size > INTERVAL_BLOCK_MAX)
		return -EBADMSG;
	*ret_size = (size_t)size;
	return 0;
}

static int get_zones(struct cursor *cursor, uint64_t n, struct interval_record *record)
{
	if (n > LEDGER_ZONES_MAX || n * ZONE_WORDS > cursor->n)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		const char *name = get_bytes(cursor, MACHINE_ZONE_NAME_SIZE);
		uint32_t zone;
		int r;

		if (!name[0] || !memchr(name, '\0', MACHINE_ZONE_NAME_SIZE))
			return -EBADMSG;
		r = interval_record_take_zone(record, name, &zone);
		if (r < 0)
			return r;
		if (zone != i)
			return -EBADMSG;
		get_share(cursor, &record->zones[zone].host);
		record->zones[zone].unattributed_uj = get(cursor);
	}
	return 0;
}

static int get_texts(struct cursor *cursor, uint64_t version, char name[LEDGER_NAME_SIZE],
	char labels[LABELS_SIZE])
{
	int r = get_text(cursor, name, LEDGER_NAME_SIZE);

	labels[0] = '\0';
	if (r < 0 || version == 1)
		return r;
	r = get_text(cursor, labels, LABELS_SIZE);
	return r < 0 || labels_are_valid(labels) ? r : -EBADMSG;
}

static int get_domain(
	struct cursor *cursor, uint64_t version, struct interval_record *record)
{
	char name[LEDGER_NAME_SIZE], labels[LABELS_SIZE];
	uint32_t before = record->n_domains, at;
	struct uuid uuid;
	int r;

	if (cursor->n < UUID_WORDS)
		return -EBADMSG;
	memcpy(uuid.bytes, get_bytes(cursor, sizeof(uuid.bytes)), sizeof(uuid.bytes));
	r = get_texts(cursor, version, name, labels);
	if (r == 0 && cursor->n < NUMBER_WORDS(record->n_zones))
		r = -EBADMSG;
	if (r == 0)
		r = interval_record_take_domain(record, &uuid, name, labels, &at);
	if (r < 0)
		return r;
	if (at != before || record->n_domains == before)
		return -EBADMSG;
	get_quality(cursor, record->domains[at].quality_ns);
	for (uint32_t zone = 0; zone < record->n_zones; zone++)
		get_share(cursor, interval_share(record, at, zone));
	return 0;
}

int interval_block_decode(
	const uint8_t *data, size_t size, struct interval_record *ret_record)
{
	/* It is only read. */
	struct cursor cursor = { (uint8_t *)(uintptr_t)data, size / WORD };
	cleanup(interval_record_deinit) struct interval_record record = { 0 };
	uint64_t n_zones, n_domains;
	size_t stated;
	int r;

	if (size < HEAD_WORDS * WORD || interval_block_size(data, &stated) < 0 ||
		stated != size || ledger_word(data, CHECK_WORD) != check_of(data, size))
		return -EBADMSG;
	get_bytes(&cursor, INTERVAL_BLOCK_HEAD);
	memcpy(record.book.bytes, get_bytes(&cursor, sizeof(record.book.bytes)),
		sizeof(record.book.bytes));
	record.interval.from_sequence = get(&cursor);
	record.interval.to_sequence = get(&cursor);
	record.interval.since_s = get(&cursor);
	record.interval.until_s = get(&cursor);
	record.interval.sources = get(&cursor);
	get_quality(&cursor, record.quality_ns);
	n_zones = get(&cursor);
	n_domains = get(&cursor);
	if (record.interval.until_s == 0)
		return -EBADMSG;
	r = get_zones(&cursor, n_zones, &record);
	for (uint64_t i = 0; r == 0 && i < n_domains; i++)
		r = get_domain(&cursor, ledger_word(data, 1), &record);
	if (r == 0 && cursor.n != 0)
		r = -EBADMSG;
	if (r < 0)
		return r;
	*ret_record = record;
	record = (struct interval_record){ 0 };
	return 0;
}
