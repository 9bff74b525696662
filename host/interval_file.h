/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * DIR/intervals: the records of all closed intervals, one block (host/interval_block.h)
 * after the other, in the order in which they closed; older ones are folded together
 * now and then. A block that is cut off at the end, by a kill or a power failure, is
 * not there; the next one is written in its place.
 *
 * These functions open the file each time: it may be replaced between two of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "host/interval_record.h"

#define INTERVAL_FILE "intervals"

/* One block of a file. */
struct interval_file_block {
	uint64_t offset;
	const uint8_t *data;
	size_t size;
	struct interval_record record; /* the taker may steal it */
};

/* Other than 0 ends the reading. */
typedef int interval_file_take(struct interval_file_block *block, void *data);

struct interval_scan {
	uint64_t end; /* of the last whole block */
	/* Bytes between whole blocks that are none: the file is damaged. */
	uint64_t n_damaged;
};

/*
 * Has each whole block taken. -errno of the file (-ENOENT: there is none), or of the
 * taker; -EPROTONOSUPPORT: there is a block of a later version; -ENOMEM.
 */
int interval_file_read(
	int dir_fd, interval_file_take *take, void *data, struct interval_scan *ret_scan);

/*
 * Cuts the file at a size and appends bytes, so that they are on the disk; it is made
 * (0600) if there is none. Where that fails, it is cut there again: -errno. -ESTALE: it
 * is not as long, as it is another file than it was; it stays as it is.
 */
int interval_file_append(int dir_fd, uint64_t at, const uint8_t *data, size_t size);

/* A new file in its place, in steps: begin, write blocks to the stream, end. -errno. */
int interval_file_begin(int dir_fd, FILE **ret_stream);
/*
 * Closes the stream; error: do not put it in place, which is what is returned then.
 * *ret_replaced is whether it is in place, which it may be with an error, too: then it
 * is not known to be on the disk.
 */
int interval_file_end(int dir_fd, FILE *stream, int error, bool *ret_replaced);
