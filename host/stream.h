/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A stream of ticks: a thread that writes each into a file or pipe, so that no tick waits
 * for a disk or a reader. References to snapshots are handed to it through a short queue;
 * a tick that finds it full is left out. It asks nobody for anything, and logs nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/json_text.h"
#include "host/output_log.h"
#include "host/snapshot.h"

/* Ticks that wait to be written at most. */
#define STREAM_QUEUE 32

struct stream_format {
	const char *head;  /* at the beginning of a file; "": none */
	const char *begin; /* what a file begins with, and */
	const char *end;   /* what each line ends with, see host/stream_target.h */
	/* Adds the lines of a tick. Errors are the text's. */
	void (*add)(const struct snapshot *snapshot, const char *node_name,
		struct json_text *text);
};

struct stream;

/*
 * Opens path, or STREAM_TARGET_STDOUT, in a thread. That it cannot be is the stream's
 * status; each tick tries again. The path and the format must outlive the stream.
 * -ENOMEM, -EAGAIN.
 */
int stream_start(
	const char *path, const struct stream_format *format, struct stream **ret_stream);

/* Takes a reference of its own. Never blocks. */
void stream_add(struct stream *stream, const struct snapshot *snapshot);

/*
 * Opens the path again, between two ticks: what was added before may go where it went so
 * far. Where that fails all goes on as it was, and each tick tries again. Never blocks.
 */
void stream_reopen(struct stream *stream);

void stream_status(struct stream *stream, struct output_status *ret_status);

/*
 * Writes what waits, as far as its reader takes it soon, ends the thread and frees; the
 * status is that of the end. false: it hangs; then nothing is freed.
 */
bool stream_stop(struct stream *stream, uint64_t ms, struct output_status *ret_status);
