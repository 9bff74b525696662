/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The book in memory: what the ledger's rows hold, found by name or UUID, and a
 * tick added to it. Knows no image (host/ledger_load.h) and no file. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/ledger_departed.h"
#include "host/ledger_row.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/tick.h"
#include "shared/uuid.h"

struct ledger_update {
	const struct machine *machine;
	const struct sample *sample; /* the one that ends the tick */
	const struct tick *tick;
	/* Of the sample's domains, in its order. NULL, or NULL in it: as known. */
	const char *const *names;
	const char *const *labels; /* likewise, see host/labels.h */
	/* Of the machine's zones. NULL: as they are. */
	const uint64_t (*idle_states)[LEDGER_IDLE_STATE_WORDS];
	/* Whether a domain runs, measured or not; NULL: only who is measured does. */
	bool (*is_listed)(const void *listed, const struct uuid *uuid);
	const void *listed;
	uint64_t wall_ns; /* CLOCK_REALTIME */
	uint32_t source;  /* LEDGER_SOURCE_ */
};

struct ledger_book {
	/* Of the last tick added; its counts of zones and domains are the book's. */
	struct ledger_header header;
	struct ledger_zone zones[LEDGER_ZONES_MAX];
	uint32_t domains_size;
	struct ledger_domain *domains;
	uint32_t *by_uuid; /* rows in the order of their UUIDs */
	uint32_t shares_stride;
	struct tick_share *shares; /* [row * shares_stride + zone] */
	/* The totals when the last interval closed, see host/ledger_close.h. */
	struct ledger_base *bases;
	struct tick_share *base_shares; /* as shares */
	struct ledger_departed departed;
	bool store_all; /* the next store is one of all rows */
	/* Rows changed since the last store. */
	bool *changed;
	uint32_t n_changed;
	uint32_t *changed_rows;
	/* Of the update in hand: rows of the machine's zones, the sample's and the tick's
	 * domains. */
	uint32_t zone_rows[MACHINE_ZONES_MAX];
	uint32_t rows_size;
	uint32_t *sample_rows;
	uint32_t *tick_rows;
};

/* An empty one, of this book and boot. -ENOMEM. */
int ledger_book_new(
	const struct uuid *id, const struct uuid *boot_id, struct ledger_book **ret_book);

/* NULL is fine. */
void ledger_book_free(struct ledger_book *book);

/* Room for so many rows. -E2BIG, -ENOMEM. */
int ledger_book_reserve(struct ledger_book *book, uint32_t n_zones, uint32_t n_domains);

/* Makes by_uuid after domains were written into the arrays; -EBADMSG: one is there twice.
 */
int ledger_book_sort(struct ledger_book *book);

/* Voids the epochs that began before header.epoch_sequence; of all domains, and for good.
 */
void ledger_book_drop_epochs(struct ledger_book *book);
void ledger_book_end_epochs(struct ledger_book *book);

/* Voids what does not outlive a boot: epochs, raw counters, who is running. */
void ledger_book_enter_boot(struct ledger_book *book, const struct uuid *boot_id);

/*
 * Records of closed intervals go up to this sequence, and the book does not: they are
 * of a time it knows nothing of. It goes on behind them.
 */
void ledger_book_abandon(struct ledger_book *book, uint64_t to_sequence);

/* Row numbers, or -ENOENT. */
ssize_t ledger_book_find_zone(const struct ledger_book *book, const char *name);
ssize_t ledger_book_find_domain(const struct ledger_book *book, const struct uuid *uuid);

/* The row of this domain, made if there is none. -ENOMEM. */
int ledger_book_take_domain(
	struct ledger_book *book, const struct uuid *uuid, uint32_t *ret_row);

/* Whether the row has an epoch of this QEMU process; and gives it one. */
bool ledger_book_has_epoch(
	const struct ledger_book *book, uint32_t row, pid_t pid, uint64_t start_ticks);
void ledger_book_begin_epoch(struct ledger_book *book, uint32_t row, pid_t pid,
	uint64_t start_ticks, const struct uuid *epoch);

/*
 * Makes the rows that an update, which is sound, needs; after that ledger_book_add()
 * cannot fail. -E2BIG, -ENOMEM: as ledger_apply().
 */
int ledger_book_prepare(struct ledger_book *book, const struct ledger_update *update);
void ledger_book_add(struct ledger_book *book, const struct ledger_update *update);
