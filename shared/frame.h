/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Bytes to lines: cuts a stream at newlines, discards lines over a limit, and
 * everything up to the first newline after a (re)connect. Constant memory. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct frame {
	char *line; /* owned, max bytes */
	size_t max; /* longest line taken, without its newline */
	size_t used;
	bool discarding; /* until the next newline */
};

enum frame_result {
	FRAME_MORE,	/* all input used up, no line is complete */
	FRAME_LINE,	/* *ret_line is a line */
	FRAME_TOO_LONG, /* a line went over the limit; reported once, then discarded */
};

/* Lines of at most max bytes; starts as after frame_reset(). -ENOMEM. */
int frame_init(struct frame *frame, size_t max);
void frame_deinit(struct frame *frame);

/* Forgets what is there and discards up to the next newline. */
void frame_reset(struct frame *frame);

/*
 * Takes bytes from *data (moves *data and *len on) until a line is complete, too
 * long, or the input ends. A line is valid until the next call, without newline,
 * and ends with a NUL that is not counted; lines that are empty or only "\r" are
 * skipped.
 */
enum frame_result frame_next(struct frame *frame, const char **data, size_t *len,
	const char **ret_line, size_t *ret_len);
