/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where the lines of a stream go: a file, a FIFO, a device, or standard output. It sees
 * to it that lines are whole there: what a full disk did not take of them is taken off
 * the file again, and a pipe is given none that it has no room for. What is in the lines,
 * and when there are any, is the caller's. It may block: it is for a thread of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define STREAM_TARGET_STDOUT "-"

struct stream_target {
	/* The caller's, set before it is opened: */
	const char *path;  /* or STREAM_TARGET_STDOUT */
	const char *begin; /* every file of these lines begins with this, */
	const char *end;   /* and every line ends with this */
	/*
	 * Called ten times a second while the reader has no room; begun: it has a part
	 * of the line already. 0: go on; anything else ends the wait with that error.
	 */
	int (*wait)(void *data, bool begun);
	void *data;
	/* Its own: */
	int fd; /* negative: it is not open */
	bool is_regular, is_pipe;
	bool has_written; /* since it was opened */
};

/*
 * Opens it, and makes a file, 0640, where there is none. From the end of a file a line
 * goes that is not whole. 0, also where it was open: then that is closed; -EEXIST: there
 * is something else in the file, which does not begin as it ought to; -ENXIO: nobody
 * reads the FIFO; -errno. On an error what was open stays.
 */
int stream_target_open(struct stream_target *target);

/* Whether a head belongs before the next line: nothing is there yet. */
bool stream_target_is_empty(const struct stream_target *target);

/*
 * Writes whole lines. 0; what wait() returned; or -errno: then no part of them is in a
 * file, and a FIFO is to be opened again.
 */
int stream_target_write(struct stream_target *target, const char *lines, size_t size);

void stream_target_close(struct stream_target *target);
