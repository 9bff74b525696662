/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The thread that waits for the disk, so that no tick has to. It copies the ledger
 * into DIR/ledger.checkpoint (new file, fsync, rename, fsync of the directory), so
 * that a power failure costs no more than one interval, and appends the records of
 * closed hours to DIR/intervals, where it folds old ones together; with a checkpoint
 * goes what was learned, into DIR/coefficients. It shares nothing with the ledger but
 * the files and the records it is given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/coefficients.h"
#include "host/interval_record.h"

#define WRITER_INTERVAL_MS 30000

#define WRITER_COEFFICIENTS_FILE "coefficients"

struct writer;

struct writer_config {
	const char *dir; /* the state directory */
	uint32_t interval_ms;
	uint64_t intervals_end; /* where in DIR/intervals the next record goes */
	/* See host/interval_fold.h. */
	uint32_t hourly_days, daily_days;
};

/* Starts the thread. -ENOMEM, -EAGAIN, -errno. */
int writer_start(const struct writer_config *config, struct writer **ret_writer);

/*
 * Hands a record over, which is written at once, or, where that fails, again and again;
 * they stay in order. -ENOMEM: it stays the caller's.
 */
int writer_push(struct writer *writer, struct interval_record *record);

/* With the next checkpoint this is written, at most COEFFICIENTS_BYTES_MAX; it is copied.
 */
void writer_keep_coefficients(struct writer *writer, const uint8_t *bytes, size_t size);

struct writer_status {
	uint64_t n_checkpoints;
	uint64_t n_failures;
	uint64_t sequence;	     /* of the last checkpoint */
	uint64_t boottime_ns;	     /* when it was on the disk */
	bool has_looked;	     /* for DIR/ledger, at least once */
	uint64_t ledger_inode;	     /* that it had then; 0: it was not there */
	int error;		     /* -errno of the last try; 0: it went well */
	uint64_t n_intervals;	     /* records that are on the disk */
	uint64_t n_waiting;	     /* and that are not yet */
	uint64_t intervals_sequence; /* of the last one on the disk */
	int intervals_error;	/* as error; -ESTALE: the file was cut, or is another */
	int fold_error;		/* likewise, of folding old records together */
	int coefficients_error; /* likewise */
};

void writer_status(struct writer *writer, struct writer_status *ret_status);

/*
 * Writes what waits, takes a last checkpoint, ends the thread and frees. false: the disk
 * kept it waiting for so long; then it is given up, and goes on writing should the disk
 * answer: the lock on the state directory must stay as long as the process. NULL is fine.
 */
bool writer_stop(struct writer *writer, uint64_t ms);
