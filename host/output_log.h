/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the log is told of a file or pipe that takes every tick: when it cannot be
 * written and when it can be again, and how many ticks were left out of it, each at most
 * once a minute however often it changes.
 */
#pragma once

#include <stdint.h>

#define OUTPUT_LOG_PERIOD_NS 60000000000u

struct output_status {
	uint64_t n_ticks;   /* written */
	uint64_t n_dropped; /* left out, for whatever reason */
	uint64_t n_slow;    /* of these: because so many waited to be written */
	uint64_t n_failed;  /* of these: could not be written; others: no memory */
	/* -errno of the last try; 0: it went well. -EEXIST: there is something else in
	 * the file; -ENXIO: nobody reads it. */
	int error;
};

struct output_log {
	const char *path;	      /* the caller's, as is: */
	const char *after;	      /* what follows from ticks that are left out */
	struct output_status dropped; /* as it was when the log was told of drops */
	uint64_t next_dropped_ns;
	int error; /* that the log knows of */
	uint64_t next_error_ns;
};

void output_log_status(
	struct output_log *log, const struct output_status *now, uint64_t monotonic_ns);

/* What is left to say at the end. */
void output_log_end(struct output_log *log, const struct output_status *now);
