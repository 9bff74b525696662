/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The list of differences that are meant to be (tests/oracle/differences). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTED_MAX 64

struct listed {
	size_t n;
	struct {
		char *pattern; /* owned */
		uint64_t seen;
	} entry[LISTED_MAX];
};

/* Lines are patterns as of the shell; empty ones, and those after a #, are not. -errno.
 */
int listed_read(struct listed *listed, const char *path);
void listed_deinit(struct listed *listed);

/* Whether the line is of a pattern, which has been seen then. */
bool listed_take(struct listed *listed, const char *line);
