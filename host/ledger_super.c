/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The superblock, written and checked. */
#include "host/ledger_super.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#define SUPER_MAGIC   "vmpower\x1a"
#define HEADER_OFFSET 1024

enum {
	SUPER_MAGIC_WORD,
	SUPER_VERSION,
	SUPER_SLOTS,
	SUPER_SIZES,		      /* four */
	SUPER_ROWS = SUPER_SIZES + 4, /* words of a row, one a table; then the checksum */
};

static size_t n_tables(uint64_t version)
{
	switch (version) {
	case 1:
		return LEDGER_BASES;
	case 2:
		return LEDGER_LABELS;
	default:
		return LEDGER_TABLES;
	}
}

static size_t check_word(uint64_t version)
{
	return SUPER_ROWS + n_tables(version);
}

static uint64_t super_check(const uint8_t *data, uint64_t version)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < check_word(version); i++)
		sum = ledger_mix(sum, ledger_word(data, i));
	return sum;
}

uint32_t ledger_table_rows(const struct ledger_image *image,
	const struct ledger_counts *counts, enum ledger_table table)
{
	const uint32_t rows[LEDGER_TABLES] = { 1, counts->zones, counts->domains,
		counts->threads, counts->cpus, counts->domains, counts->domains };

	return table < n_tables(image->version) ? rows[table] : 0;
}

uint64_t ledger_super_lay_out(struct ledger_image *image, uint32_t version,
	uint32_t n_slots, const struct ledger_counts *sizes)
{
	const uint32_t shares = LEDGER_SHARE_WORDS * sizes->zones;
	const uint32_t header_bytes = version == 1 ? LEDGER_HEADER_BYTES_1
						   : LEDGER_HEADER_BYTES;
	const uint32_t zone_bytes = version == 1 ? LEDGER_ZONE_BYTES_1
						 : LEDGER_ZONE_BYTES;
	const uint32_t words[LEDGER_TABLES] = { ROW_PAYLOAD + header_bytes / 8,
		ROW_PAYLOAD + zone_bytes / 8, LEDGER_DOMAIN_WORDS + shares,
		LEDGER_THREAD_WORDS, LEDGER_CPU_WORDS, LEDGER_BASE_WORDS + shares,
		LEDGER_LABELS_WORDS };
	uint64_t offset = LEDGER_TABLES_OFFSET;

	*image = (struct ledger_image){
		.version = version, .n_slots = n_slots, .sizes = *sizes
	};
	for (enum ledger_table table = LEDGER_HEADER; table < LEDGER_TABLES; table++) {
		image->tables[table].words = words[table];
		if (table == LEDGER_HEADER) {
			image->tables[table].offset = HEADER_OFFSET;
			continue;
		}
		image->tables[table].offset = (size_t)offset;
		offset += (uint64_t)ledger_table_rows(image, sizes, table) * n_slots *
			  words[table] * LEDGER_WORD;
	}
	return offset;
}

void ledger_super_encode(const struct ledger_image *image, uint8_t *data)
{
	const uint32_t sizes[] = { image->sizes.zones, image->sizes.domains,
		image->sizes.threads, image->sizes.cpus };

	memcpy(data, SUPER_MAGIC, LEDGER_WORD);
	ledger_set_word(data, SUPER_VERSION, image->version);
	ledger_set_word(data, SUPER_SLOTS, image->n_slots);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ledger_set_word(data, SUPER_SIZES + i, sizes[i]);
	for (enum ledger_table table = LEDGER_HEADER; table < LEDGER_TABLES; table++)
		ledger_set_word(data, SUPER_ROWS + table, image->tables[table].words);
	ledger_set_word(
		data, check_word(image->version), super_check(data, image->version));
}

static bool rows_are_ours(const struct ledger_image *image, const uint8_t *data)
{
	for (size_t i = SUPER_ROWS; i < check_word(image->version); i++) {
		if (ledger_word(data, i) != image->tables[i - SUPER_ROWS].words)
			return false;
	}
	return true;
}

int ledger_super_decode(
	struct ledger_image *image, uint8_t *data, size_t size, char *message)
{
	struct ledger_counts sizes;
	uint64_t version, n_slots, expected;

	if (size < LEDGER_WORD || memcmp(data, SUPER_MAGIC, LEDGER_WORD) != 0) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "it is not a ledger");
		return -ENOMSG;
	}
	if (size < LEDGER_TABLES_OFFSET) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "it is cut off after %zu bytes",
			size);
		return -EBADMSG;
	}
	version = ledger_word(data, SUPER_VERSION);
	if (version > LEDGER_VERSION) {
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"it has format version %ju, this program knows up to %d",
			(uintmax_t)version, LEDGER_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (ledger_word(data, check_word(version)) != super_check(data, version)) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "its superblock is corrupt");
		return -EBADMSG;
	}
	sizes = (struct ledger_counts){ (uint32_t)ledger_word(data, SUPER_SIZES),
		(uint32_t)ledger_word(data, SUPER_SIZES + 1),
		(uint32_t)ledger_word(data, SUPER_SIZES + 2),
		(uint32_t)ledger_word(data, SUPER_SIZES + 3) };
	n_slots = ledger_word(data, SUPER_SLOTS);
	expected = ledger_super_lay_out(
		image, (uint32_t)version, n_slots == 1 ? 1 : 2, &sizes);
	image->data = data;
	if (version == 0 || sizes.zones > LEDGER_ZONES_MAX || n_slots != image->n_slots ||
		!rows_are_ours(image, data)) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "its superblock makes no sense");
		return -EBADMSG;
	}
	if (size != expected) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "it has %zu bytes instead of %ju",
			size, (uintmax_t)expected);
		return -EBADMSG;
	}
	return 0;
}
