/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The lines of a file or pipe, however long up to a limit. It blocks; what comes from a
 * stranger at the other end of a socket is shared/frame.h's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
	int fd; /* the caller's */
	size_t max;
	char *data; /* owned */
	size_t begin, end, size;
	bool at_end;
	bool unended;	  /* the line before had no newline: it was the last one */
	uint64_t n_bytes; /* read so far */
};

/* Lines of at most max bytes. */
void lines_init(struct lines *lines, int fd, size_t max);
void lines_deinit(struct lines *lines);

/*
 * 1: a line without its newline, valid until the next call; the last one may have had
 * none. 0: there are no more. -EMSGSIZE: it is too long; -ENOMEM; -errno.
 */
int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len);
