/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The records of DIR/intervals, held against a book: which of them count, and what is
 * missing of them. The sum of the book's bases is what they have to add up to:
 *
 * - A record that goes beyond the last interval the book closed does not count: the
 *   process was killed before the book had that in its file, or a power failure took
 *   the book back to its checkpoint. The book has the same energy in its open interval,
 *   or will get it anew from the kernel's counters. It never counts again, though it
 *   may stay in the file for as long as nothing can be written: see ledger_header.
 * - What the bases have and the records do not is a record that was still to be
 *   written, of the time of the last interval; or, where more is missing (the disk was
 *   full for hours before the kill; the file is damaged or gone), of the time since the
 *   last record, if that is known.
 * - Records that have more than the bases are not this book's, whatever they say.
 *
 * Records of other books are history: of a ledger that was set aside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/interval_file.h"
#include "host/ledger_book.h"

struct interval_load {
	uint64_t end;	    /* where the next record goes */
	uint64_t n_damaged; /* see host/interval_file.h */
	/* The highest sequence of the book's records that go beyond it; 0: none does. */
	uint64_t abandoned_to;
	bool has_missing;
	struct interval_record missing; /* the caller's to free */
};

/* What to do besides. */
struct interval_load_use {
	/* The domains that the file has and the book's rows do not are its departed. */
	bool remember;
	/* Called with each record that counts, if not NULL. */
	interval_file_take *keep;
	void *data;
};

/* Reads the file. -ERANGE: its records are not the book's; -ENOMEM, -errno. */
int interval_load(int dir_fd, struct ledger_book *book,
	const struct interval_load_use *use, struct interval_load *ret_load);

/* The same for a file without any record. */
int interval_load_nothing(const struct ledger_book *book, struct interval_load *ret_load);
