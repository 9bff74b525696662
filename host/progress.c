/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A bar, or lines. */
#include "host/progress.h"

#include <inttypes.h>
#include <unistd.h>

#define BAR_WIDTH 24
#define LINE_S	  10

void progress_init(struct progress *progress, FILE *out)
{
	*progress = (struct progress){
		.out = out, .is_terminal = isatty(fileno(out)) == 1, .next_line_s = LINE_S
	};
}

static void show_bar(
	struct progress *progress, uint64_t done_s, uint64_t all_s, const char *note)
{
	uint64_t filled = all_s ? done_s * BAR_WIDTH / all_s : BAR_WIDTH;

	fputs("\r[", progress->out);
	for (uint64_t i = 0; i < BAR_WIDTH; i++)
		fputc(i < filled ? '#' : '-', progress->out);
	/* To the end of the line: what was there before may have been longer. */
	fprintf(progress->out, "] %4" PRIu64 " s left  %s\033[K", all_s - done_s, note);
	progress->shown = true;
}

void progress_show(
	struct progress *progress, uint64_t done_s, uint64_t all_s, const char *note)
{
	if (done_s > all_s)
		done_s = all_s;
	if (progress->is_terminal) {
		show_bar(progress, done_s, all_s, note);
	} else if (done_s >= progress->next_line_s) {
		fprintf(progress->out, "%" PRIu64 " of %" PRIu64 " s  %s\n", done_s,
			all_s, note);
		progress->next_line_s = done_s + LINE_S;
	}
	fflush(progress->out);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", progress->out);
	progress->shown = false;
	fflush(progress->out);
}
