/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where one interval of the book ends and the next begins. Pure.
 *
 * The book has its totals twice: now (shares), and when the last interval closed
 * (bases). The difference is the open interval, and the bases are the sum of all the
 * closed ones, whose records are in STATE/intervals: so intervals add up to the totals
 * by construction, and a record that did not get there can be made again.
 *
 * An interval is an hour of the wall clock, UTC. A tick is wholly of the hour in which
 * it ends; one whose hour is another than that of the tick before ends the interval.
 * So where the clock is set back, an hour has two records or more, which add up;
 * nothing is lost, nothing counted twice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/interval_record.h"
#include "host/ledger_book.h"

#define LEDGER_HOUR_S 3600u

/* Whether a tick that ends then is of another interval than the open one. */
bool ledger_close_is_due(const struct ledger_book *book, uint64_t wall_ns);

/*
 * Closes the open interval; its record is the caller's to free. Rows of domains that
 * were not there in all of it, and that the update does not list, leave the book, where
 * durable_sequence (up to which records are on the disk) covers all they had; should
 * they return, they have it again. Row numbers change. -ENOMEM: nothing changed.
 */
int ledger_close_interval(struct ledger_book *book, const struct ledger_update *update,
	uint64_t durable_sequence, struct interval_record *ret_record);

/* For a tick that ends then: opens an interval, if none is open. */
void ledger_close_open(struct ledger_book *book, uint64_t wall_ns);

/*
 * For a book that knew no intervals: all it has is in one that closed, and that has no
 * beginning.
 */
void ledger_close_before(struct ledger_book *book);

/* What is in the open interval, and what is in all closed ones. -ENOMEM. */
int ledger_close_get_open(
	const struct ledger_book *book, struct interval_record *ret_record);
int ledger_close_get_closed(
	const struct ledger_book *book, struct interval_record *ret_record);
