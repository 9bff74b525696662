/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Bytes to lines, with a limit and in constant memory. */
#include "shared/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int frame_init(struct frame *frame, size_t max)
{
	char *line = malloc(max + 1);

	if (!line)
		return -ENOMEM;
	*frame = (struct frame){ .line = line, .max = max };
	frame_reset(frame);
	return 0;
}

void frame_deinit(struct frame *frame)
{
	free(frame->line);
	*frame = (struct frame){ 0 };
}

void frame_reset(struct frame *frame)
{
	frame->used = 0;
	frame->discarding = true;
}

/* Moves past the next newline; whether there was one. */
static bool skip_line(const char **data, size_t *len)
{
	const char *newline = memchr(*data, '\n', *len);
	size_t n = newline ? (size_t)(newline - *data) + 1 : *len;

	*data += n;
	*len -= n;
	return newline != NULL;
}

/* Takes bytes up to the next newline or the limit; whether the line is complete. */
static bool take_line(struct frame *frame, const char **data, size_t *len)
{
	const char *newline = memchr(*data, '\n', *len);
	size_t n = newline ? (size_t)(newline - *data) : *len;

	if (n > frame->max - frame->used)
		return false;
	memcpy(frame->line + frame->used, *data, n);
	frame->used += n;
	n += newline != NULL;
	*data += n;
	*len -= n;
	return newline != NULL;
}

enum frame_result frame_next(struct frame *frame, const char **data, size_t *len,
	const char **ret_line, size_t *ret_len)
{
	while (*len) {
		if (frame->discarding) {
			frame->discarding = !skip_line(data, len);
			continue;
		}
		if (!take_line(frame, data, len)) {
			if (*len == 0)
				return FRAME_MORE;
			frame_reset(frame);
			return FRAME_TOO_LONG;
		}
		if (frame->used == 0 || (frame->used == 1 && frame->line[0] == '\r')) {
			frame->used = 0;
			continue;
		}
		frame->line[frame->used] = '\0';
		*ret_line = frame->line;
		*ret_len = frame->used;
		frame->used = 0;
		return FRAME_LINE;
	}
	return FRAME_MORE;
}
