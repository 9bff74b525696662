/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How far a command has come: a bar on a terminal, elsewhere a line every 10 s.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *out;
	bool is_terminal;
	bool shown; /* there is a bar to be wiped */
	uint64_t next_line_s;
};

void progress_init(struct progress *progress, FILE *out);

/* done_s of all_s seconds are over; note is one line about what was found so far. */
void progress_show(
	struct progress *progress, uint64_t done_s, uint64_t all_s, const char *note);

/* Wipes the bar: what is printed next begins a line. */
void progress_end(struct progress *progress);
