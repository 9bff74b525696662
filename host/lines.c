/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Reading lines. */
#include "host/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MIN (UINT32_C(1) << 20)

void lines_init(struct lines *lines, int fd, size_t max)
{
	*lines = (struct lines){ .fd = fd, .max = max };
}

void lines_deinit(struct lines *lines)
{
	free(lines->data);
	*lines = (struct lines){ .fd = -1 };
}

/* Makes room behind what is there, which is the begin of one line. */
static int make_room(struct lines *lines)
{
	size_t size = lines->size > 0 ? 2 * lines->size : SIZE_MIN;
	char *grown;

	if (lines->begin > 0) {
		memmove(lines->data, lines->data + lines->begin,
			lines->end - lines->begin);
		lines->end -= lines->begin;
		lines->begin = 0;
	}
	/* Half full is no good either: it would be moved too often. */
	if (lines->end < lines->size / 2)
		return 0;
	if (lines->end > lines->max)
		return -EMSGSIZE;
	grown = realloc(lines->data, size);
	if (!grown)
		return -ENOMEM;
	lines->data = grown;
	lines->size = size;
	return 0;
}

static int read_more(struct lines *lines)
{
	int r = make_room(lines);
	ssize_t n;

	if (r < 0)
		return r;
	do
		n = read(lines->fd, lines->data + lines->end, lines->size - lines->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	lines->at_end = n == 0;
	lines->end += (size_t)n;
	lines->n_bytes += (uint64_t)n;
	return 0;
}

int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len)
{
	size_t searched = 0;

	for (;;) {
		char *line = lines->data ? lines->data + lines->begin : NULL;
		size_t len = lines->end - lines->begin;
		char *newline = len > searched
					? memchr(line + searched, '\n', len - searched)
					: NULL;
		int r;

		if (newline || (lines->at_end && len > 0)) {
			if (newline)
				len = (size_t)(newline - line);
			if (len > lines->max)
				return -EMSGSIZE;
			lines->begin += len + (newline != NULL);
			lines->unended = !newline;
			*ret_line = line;
			*ret_len = len;
			return 1;
		}
		if (lines->at_end)
			return 0;
		searched = len;
		r = read_more(lines);
		if (r < 0)
			return r;
	}
}
