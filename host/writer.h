/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The thread that waits for the disk, so that no tick has to. It copies the ledger
 * into DIR/ledger.checkpoint (new file, fsync, rename, fsync of the directory), so
 * that a power failure costs no more than one interval. It shares nothing with the
 * ledger but the file.
 */
#pragma once

#include <stdint.h>

#define WRITER_INTERVAL_MS 30000

struct writer;

/* Starts the thread on dir, the state directory. -ENOMEM, -EAGAIN, -errno. */
int writer_start(const char *dir, uint32_t interval_ms, struct writer **ret_writer);

struct writer_status {
	uint64_t n_checkpoints;
	uint64_t n_failures;
	uint64_t sequence;    /* of the last checkpoint */
	uint64_t boottime_ns; /* when it was on the disk */
	int error;	      /* -errno of the last try; 0: it went well */
};

void writer_status(struct writer *writer, struct writer_status *ret_status);

/* Takes a last checkpoint, ends the thread and frees. NULL is fine. */
void writer_stop(struct writer *writer);
