/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The account book: cumulative energy of every domain that ever ran here and of
 * the host, per zone, with what is needed to go on after a restart: the last
 * sample, the guests' epochs, the learned idle power.
 *
 * It lives in memory for readers and in DIR/ledger, a mapped file, for the next
 * start: killed at any instruction, what is there is the book at the last complete
 * tick. After a power failure it may be DIR/ledger.checkpoint, which host/writer.h
 * keeps. When an hour is over, what it used is a record for DIR/intervals, which the
 * writer appends. Formats: host/ledger_image.h, host/interval_block.h. Not thread
 * safe: it is the sampler's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/interval_record.h"
#include "host/ledger_book.h"
#include "host/ledger_image.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/tick.h"
#include "shared/uuid.h"

struct ledger;

/*
 * Opens the book in dir, which is made (0700) if only it is missing, and locks it
 * until ledger_close(). It may be on a file system that is read-only for now. A file that
 * is corrupt, truncated, foreign or newer is renamed to NAME.set-aside-TIME[-N], then the
 * checkpoint is tried, then a new book begun; from another boot than boot_id only totals
 * and idle states go on.
 *
 * message is "" or, after such a success, what was wrong and what was done; after
 * a failure, the reason and what to do: -EBUSY (another process has the lock),
 * -errno of the directory, -ENOMEM.
 */
int ledger_open(const char *dir, const struct uuid *boot_id,
	char message[LEDGER_MESSAGE_SIZE], struct ledger **ret_ledger);

/* Unlocks and frees; what was applied is in the file already. NULL is fine. */
void ledger_close(struct ledger *ledger);

/*
 * Adds a tick to the book and commits it to the file; publish after that, never
 * before. A domain whose QEMU is another process than before gets a new epoch.
 *
 * -EINVAL (the tick does not add up, or its parts are not of one machine), -E2BIG
 * (over LEDGER_ZONES_MAX), -ENOMEM and -errno of getrandom(2): nothing was added, and
 * the header's sequence is what it was. Else, with any error (-ENOSPC, -EDQUOT, -EFBIG,
 * -EIO, -ENOMEM, ...), the book in memory has it, the file does not and stays as it
 * was; it catches up, whole, in one of the next calls, which try at most every 5 s of
 * the samples' boottime and return the same error in between.
 */
int ledger_apply(struct ledger *ledger, const struct ledger_update *update);

/*
 * The last sample of the run before this one, its zones in the machine's order (a
 * zone that is new or whose range changed is invalid). -ENOENT: none of this boot,
 * or ledger_apply() was called since. -ENOMEM. The CPUs' khz are 0.
 */
int ledger_previous_sample(const struct ledger *ledger, const struct machine *machine,
	struct sample *ret_sample);

/*
 * The epoch of this boot and QEMU process: the one the book knows, or a new random
 * one with its guest_uj at 0, which the next ledger_apply() commits. The row's
 * epoch_from_start says whether that process, which then began after the first
 * ledger_apply(), had no other before. -ENOMEM or -errno of getrandom(2).
 */
int ledger_domain_epoch(struct ledger *ledger, const struct uuid *uuid, pid_t pid,
	uint64_t start_ticks, struct uuid *ret_epoch);

/*
 * Takes the record of an interval that closed, the oldest first; false: there is none.
 * The caller frees it once it is in DIR/intervals; where it does not get there, the
 * next ledger_open() has it again.
 */
bool ledger_next_interval(struct ledger *ledger, struct interval_record *ret_record);

/* Makes the record that was just taken the next one again; takes it over. */
void ledger_return_interval(struct ledger *ledger, struct interval_record *record);

/* Where in DIR/intervals the first of them goes: what is behind does not count. */
uint64_t ledger_intervals_end(const struct ledger *ledger);

/*
 * Whether the file is not the ledger's any more: it was removed, or another one put in
 * its place. Then the next ledger_apply() makes a new one. inode is the one that was
 * seen by its name not long ago, 0: none; the disk is asked only if it is another.
 */
bool ledger_lost_file(struct ledger *ledger, uint64_t inode);

/* All records up to this sequence are on the disk: domains that ended by then may leave.
 */
void ledger_set_durable(struct ledger *ledger, uint64_t sequence);

/*
 * Readers. Row numbers and pointers are valid until the next ledger_apply() or
 * ledger_domain_epoch(). Rows of domains that ended leave after an hour or two; what
 * they used stays in their zones' sums and in ledger_total(), and is theirs again should
 * they return.
 */
const struct ledger_header *ledger_header(const struct ledger *ledger);
const struct ledger_zone *ledger_zone(const struct ledger *ledger, size_t zone);
const struct ledger_domain *ledger_domain(const struct ledger *ledger, size_t domain);
const struct tick_share *ledger_share(
	const struct ledger *ledger, size_t domain, size_t zone);

/* What a domain has in the zone, with a row or without; 0 if it was never measured. */
struct tick_share ledger_total(
	const struct ledger *ledger, const struct uuid *uuid, size_t zone);

/* Row numbers, or -ENOENT. */
ssize_t ledger_find_zone(const struct ledger *ledger, const char *name);
ssize_t ledger_find_domain(const struct ledger *ledger, const struct uuid *uuid);

/* Whether the domain was in the last sample applied. */
static inline bool ledger_domain_is_running(
	const struct ledger *ledger, const struct ledger_domain *domain)
{
	return domain->sequence == ledger_header(ledger)->sequence;
}
