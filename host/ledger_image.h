/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The ledger as bytes: the format of STATE/ledger and STATE/ledger.checkpoint.
 * Pure: works on memory it is given, which may be a mapped file.
 *
 * Little-endian words of 64 bits throughout; bytes (names, UUIDs) as they are.
 *
 *	0     superblock: magic, version, the size of everything; written once
 *	512   commit word: the low 32 bits of the committed sequence and, above them,
 *	      their complement
 *	1024  header
 *	4096  tables of rows: zones, domains, threads, cpus, bases, labels
 *
 * The header and each row have two slots (one in a checkpoint). A commit writes
 * what changed into the slots that are not the committed ones, each with the new
 * sequence and a checksum, then the header, then the commit word with a single
 * store. Killed between any two instructions, the file still holds the image of
 * the last commit: of each row, the slot of the highest sequence up to that of the
 * commit word. Rows that did not change are not written.
 *
 * The header carries the sum of its rows' checksums, so that a page that did not
 * reach the disk when the power failed is found, too, though each row in it is
 * whole. A change of any one byte is detected, or is in a place nobody reads.
 *
 * Later versions may append fields to rows and tables; each file says how long its rows
 * are. Version 2 has fields and a table (host/ledger_row.h) that version 1 had not, and
 * version 3 has the labels; in older ones they read as 0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/ledger_row.h"
#include "host/tick.h"

#define LEDGER_VERSION	      3
#define LEDGER_IMAGE_SIZE_MAX (1u << 30)
/* Room for any message, path included. */
#define LEDGER_MESSAGE_SIZE 1024

/* The tables; the header is one of a single row. */
enum ledger_table {
	LEDGER_HEADER,
	LEDGER_ZONES,
	LEDGER_DOMAINS,
	LEDGER_THREADS,
	LEDGER_CPUS,
	LEDGER_BASES,  /* one a domain */
	LEDGER_LABELS, /* likewise */
	LEDGER_TABLES,
};

/* An image in memory it does not own. */
struct ledger_image {
	uint8_t *data;
	uint32_t version;
	uint32_t n_slots;
	struct ledger_counts sizes; /* rows there is room for */
	struct {
		size_t offset;
		uint32_t words; /* a row's, in one slot */
	} tables[LEDGER_TABLES];
	struct ledger_header header; /* the committed one; sequence 0: none */
	uint64_t digest;	     /* sum of its rows' checksums */
	uint64_t next_sequence;	     /* between begin and commit, else 0 */
	uint64_t next_digest;
};

/* Bytes of an image with that room. */
size_t ledger_image_size(uint32_t n_slots, const struct ledger_counts *sizes);

/* Makes an image without a commit out of ledger_image_size() zeroed bytes. */
void ledger_image_format(struct ledger_image *image, uint8_t *data, uint32_t n_slots,
	const struct ledger_counts *sizes);

/*
 * Checks size bytes as a whole: every row that the getters may be asked for is as it
 * was committed. Whether that made sense is host/ledger_load.h's to find out.
 * -ENOMSG: not a ledger; -EPROTONOSUPPORT: of a newer version; -EBADMSG: corrupt
 * or truncated. message says which part is wrong.
 */
int ledger_image_decode(uint8_t *data, size_t size, struct ledger_image *ret_image,
	char message[LEDGER_MESSAGE_SIZE]);

/* Clears what a commit that was cut short left behind. Needed before begin. */
void ledger_image_scrub(struct ledger_image *image);

/* Row index < the committed count. shares has room for header.counts.zones. */
void ledger_image_get_zone(
	const struct ledger_image *image, uint32_t index, struct ledger_zone *ret_zone);
void ledger_image_get_domain(const struct ledger_image *image, uint32_t index,
	struct ledger_domain *ret_domain, struct tick_share *ret_shares);
void ledger_image_get_thread(const struct ledger_image *image, uint32_t index,
	struct ledger_thread *ret_thread);
void ledger_image_get_cpu(
	const struct ledger_image *image, uint32_t index, uint64_t *ret_busy_ns);
void ledger_image_get_base(const struct ledger_image *image, uint32_t index,
	struct ledger_base *ret_base, struct tick_share *ret_shares);
/* Whatever text is there; it may lack its NUL. */
void ledger_image_get_labels(
	const struct ledger_image *image, uint32_t index, char ret_labels[LABELS_SIZE]);

/*
 * A commit: begin with a sequence above the committed one, put each changed and
 * each new row once, commit. Rows put as they are already cost a comparison.
 */
void ledger_image_begin(struct ledger_image *image, uint64_t sequence);
void ledger_image_put_zone(
	struct ledger_image *image, uint32_t index, const struct ledger_zone *zone);
void ledger_image_put_domain(struct ledger_image *image, uint32_t index,
	const struct ledger_domain *domain, const struct tick_share *shares,
	uint32_t n_shares);
void ledger_image_put_thread(
	struct ledger_image *image, uint32_t index, const struct ledger_thread *thread);
void ledger_image_put_cpu(struct ledger_image *image, uint32_t index, uint64_t busy_ns);
void ledger_image_put_base(struct ledger_image *image, uint32_t index,
	const struct ledger_base *base, const struct tick_share *shares,
	uint32_t n_shares);
/* Of LABELS_SIZE bytes at most. */
void ledger_image_put_labels(
	struct ledger_image *image, uint32_t index, const char *labels);
/* header->sequence is that of begin. */
void ledger_image_commit(struct ledger_image *image, const struct ledger_header *header);

/* Commits all of from to the empty image to, which has room for it. */
void ledger_image_copy(struct ledger_image *to, const struct ledger_image *from);
