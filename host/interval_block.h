/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A record of an interval as bytes: the format of STATE/intervals, which is one block
 * after the other. Pure.
 *
 * Little-endian words of 64 bits; bytes (names, UUIDs) as they are:
 *
 *	0     magic "vmpintv" 0x1a
 *	1     version: 2, or 1, which has no labels
 *	2     size of the block in bytes, all of it
 *	3     checksum of all words but this one
 *	4..5  UUID of the book (the ledger's header has it)
 *	6     sequence of the last tick before it, of the ledger's commits
 *	7     sequence of its last tick
 *	8     since, seconds since 1970; 0: from before all others
 *	9     until
 *	10    sources: LEDGER_SOURCE_ and LEDGER_IDLE_ bits
 *	11    ns measured, estimated, degraded, of the host
 *	14    number of zones
 *	15    number of domains
 *	16    zones: name (32 bytes), host's dynamic and idle, unattributed
 *	      domains: UUID; bytes of the name; name, filled up with 0 to a word; bytes of
 *	      the labels (host/labels.h); labels, likewise; ns measured, estimated,
 *	      degraded; dynamic and idle of each zone
 *
 * Energies are microjoules, and of this interval alone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/interval_record.h"

#define INTERVAL_BLOCK_VERSION 2
/* What has to be read to know how long a block is. */
#define INTERVAL_BLOCK_HEAD 32
#define INTERVAL_BLOCK_MAX  (1u << 30)

/* Writes it into memory that the caller frees. -ENOMEM; -EFBIG: over the maximum. */
int interval_block_encode(
	const struct interval_record *record, uint8_t **ret_data, size_t *ret_size);

/*
 * How long the block is that begins with these INTERVAL_BLOCK_HEAD bytes. -EBADMSG:
 * none does; -EPROTONOSUPPORT: one of a later version does, it may be.
 */
int interval_block_size(const uint8_t *head, size_t *ret_size);

/* Reads a block of that size. -EBADMSG: it is not whole; -ENOMEM. */
int interval_block_decode(
	const uint8_t *data, size_t size, struct interval_record *ret_record);
