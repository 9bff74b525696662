/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The ledger's superblock, from which follows where each row of the image is, and
 * the words and checksums of which all of it is made. The rest of the format is
 * host/ledger_image.h. Pure.
 *
 * Words: magic; version; slots; room for zones, domains, threads, cpus; the words of a
 * row of each table, in the order of enum ledger_table; checksum. Version 1 had no
 * bases, versions 1 and 2 no labels.
 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "host/ledger_image.h"

#define LEDGER_WORD	     sizeof(uint64_t)
#define LEDGER_COMMIT_OFFSET 512
#define LEDGER_TABLES_OFFSET 4096

/* The first words of each row. */
enum { ROW_SEQUENCE, ROW_CHECK, ROW_PAYLOAD };

#define LEDGER_DOMAIN_WORDS (ROW_PAYLOAD + LEDGER_DOMAIN_BYTES / 8)
#define LEDGER_BASE_WORDS   (ROW_PAYLOAD + LEDGER_BASE_BYTES / 8)
#define LEDGER_THREAD_WORDS (ROW_PAYLOAD + LEDGER_THREAD_BYTES / 8)
#define LEDGER_CPU_WORDS    (ROW_PAYLOAD + LEDGER_CPU_BYTES / 8)
#define LEDGER_LABELS_WORDS (ROW_PAYLOAD + LABELS_SIZE / 8)
#define LEDGER_SHARE_WORDS  (LEDGER_SHARE_BYTES / 8)

static inline uint64_t ledger_word(const uint8_t *row, size_t index)
{
	uint64_t value;

	memcpy(&value, row + index * LEDGER_WORD, LEDGER_WORD);
	return le64toh(value);
}

static inline void ledger_set_word(uint8_t *row, size_t index, uint64_t value)
{
	value = htole64(value);
	memcpy(row + index * LEDGER_WORD, &value, LEDGER_WORD);
}

/* Each step is a bijection of the sum so far and of the word: one changed word always
 * shows. */
static inline uint64_t ledger_mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
	return sum ^ sum >> 32;
}

/* Rows of a table, of these counts or that room. */
uint32_t ledger_table_rows(const struct ledger_image *image,
	const struct ledger_counts *counts, enum ledger_table table);

/* Sets everything that follows from version and room; returns the size in bytes. */
uint64_t ledger_super_lay_out(struct ledger_image *image, uint32_t version,
	uint32_t n_slots, const struct ledger_counts *sizes);

/* Writes the superblock of an image that is laid out. */
void ledger_super_encode(const struct ledger_image *image, uint8_t *data);

/* Lays an image out as the superblock of data says. Errors: ledger_image_decode(). */
int ledger_super_decode(
	struct ledger_image *image, uint8_t *data, size_t size, char *message);
