/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a trace to shares. */
#include "host/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lines.h"
#include "host/text.h"
#include "host/tick_json.h"
#include "host/trace_reader.h"
#include "shared/clock.h"

/* Written when there is so much of it. */
#define OUTPUT_SIZE (256 * 1024)

#define PROGRESS_AFTER_NS (2 * (uint64_t)NSEC_PER_SEC)
#define PROGRESS_EVERY_NS (NSEC_PER_SEC / 5)

struct replay {
	const char *path;
	struct meter_options options;
	struct lines lines;
	struct trace_reader *reader;
	struct meter *meter; /* NULL before the first host line */
	struct tick tick;
	struct tick_json json;
	uint64_t n_ticks;
	bool output_failed;
	/* Of the file, for the progress; 0: it is none, or nobody would see it. */
	bool shows_progress;
	uint64_t size, next_progress_ns;
};

/* What the trace says may have come from anywhere. */
static void print_error(const struct replay *replay, size_t line, const char *text)
{
	fputs("vmpower replay: ", stderr);
	text_print(
		stderr, strcmp(replay->path, "-") == 0 ? "standard input" : replay->path);
	if (line > 0)
		fprintf(stderr, ":%zu", line);
	fputs(": ", stderr);
	text_print(stderr, text);
	fputc('\n', stderr);
}

static void explain(const struct replay *replay, int error)
{
	size_t line = replay->reader ? trace_reader_line(replay->reader) : 0;

	if (error == -EBADMSG)
		print_error(replay, line, trace_reader_error(replay->reader));
	else if (error == -EMSGSIZE)
		print_error(replay, line + 1, "the line has more than 64 MiB");
	else if (replay->output_failed)
		fprintf(stderr, "vmpower replay: cannot write the output: %s\n",
			strerror(-error));
	else
		print_error(replay, line, strerror(-error));
}

static void clear_progress(const struct replay *replay)
{
	if (replay->shows_progress && replay->next_progress_ns > 0)
		fputs("\r\033[K", stderr);
}

static void show_progress(struct replay *replay, uint64_t begin_ns)
{
	uint64_t now_ns;

	if (!replay->shows_progress)
		return;
	now_ns = clock_monotonic_ns();
	if (now_ns - begin_ns < PROGRESS_AFTER_NS || now_ns < replay->next_progress_ns)
		return;
	replay->next_progress_ns = now_ns + PROGRESS_EVERY_NS;
	fprintf(stderr, "\r%" PRIu64 " ticks, %" PRIu64 " MB", replay->n_ticks,
		replay->lines.n_bytes / 1000000);
	if (replay->size > 0)
		fprintf(stderr, " of %" PRIu64 ", %" PRIu64 " %%", replay->size / 1000000,
			replay->lines.n_bytes / (replay->size / 100 + 1));
}

static int flush(struct replay *replay)
{
	struct json_text *text = &replay->json.text;

	for (size_t done = 0; done < text->used;) {
		ssize_t n = write(STDOUT_FILENO, text->data + done, text->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			replay->output_failed = true;
			return -errno;
		}
		done += (size_t)n;
	}
	json_text_clear(text);
	return 0;
}

static int set_idle_power(struct replay *replay)
{
	const struct machine *machine = trace_reader_machine(replay->reader);
	const struct trace_idle *idle = trace_reader_idle(replay->reader);
	int r = 0;

	for (size_t z = 0; r == 0 && z < machine->n_zones; z++) {
		if (idle[z].given)
			r = meter_set_idle_power(replay->meter, machine->zones[z].name,
				IDLE_POWER_CONFIGURED, idle[z].idle_uw);
	}
	return r;
}

static int take_host(struct replay *replay)
{
	int r = 0;

	if (!replay->meter) {
		replay->options.estimated = trace_reader_is_estimated(replay->reader);
		r = meter_new(&replay->options, &replay->meter);
	}
	return r;
}

static int take_tick(struct replay *replay)
{
	const struct machine *machine = trace_reader_machine(replay->reader);
	int r;

	/* First: of zones that come and go a meter only remembers so many. */
	meter_map_zones(replay->meter, machine);
	r = set_idle_power(replay);
	if (r == 0)
		r = meter_step(replay->meter, machine,
			trace_reader_sample(replay->reader), &replay->tick);
	if (r < 0)
		return r;
	meter_accept(replay->meter);
	/* The first is what the second is measured from. */
	if (replay->n_ticks++ == 0)
		return 0;
	r = tick_json_add(&replay->json, machine, &replay->tick,
		trace_reader_idle(replay->reader), trace_reader_t_ns(replay->reader));
	if (r == 0 && replay->json.text.used >= OUTPUT_SIZE)
		r = flush(replay);
	return r;
}

/* What is written of a line when the writer is killed says nothing. */
static int pass_over_cut_line(struct replay *replay)
{
	clear_progress(replay);
	print_error(replay, trace_reader_line(replay->reader),
		"warning: the last line is cut off, and passed over");
	return trace_reader_end(replay->reader);
}

/* 1: there may be more; 0: that was all. */
static int take_line(struct replay *replay)
{
	enum trace_line line;
	const char *text;
	size_t len;
	int r = lines_next(&replay->lines, &text, &len);

	if (r == 0)
		return trace_reader_end(replay->reader);
	if (r < 0)
		return r;
	r = trace_reader_take(replay->reader, text, len, &line);
	if (r == -EBADMSG && replay->lines.unended)
		return pass_over_cut_line(replay);
	if (r == 0 && line == TRACE_LINE_HOST)
		r = take_host(replay);
	else if (r == 0 && line == TRACE_LINE_TICK)
		r = take_tick(replay);
	return r < 0 ? r : 1;
}

static int take_all(struct replay *replay)
{
	uint64_t begin_ns = clock_monotonic_ns();
	int r, flushed;

	do {
		r = take_line(replay);
		show_progress(replay, begin_ns);
	} while (r > 0);
	clear_progress(replay);
	/* What came before an error is as good as it was. */
	flushed = replay->output_failed ? 0 : flush(replay);
	return r < 0 ? r : flushed;
}

static int open_input(struct replay *replay)
{
	struct stat st;
	int fd = STDIN_FILENO;

	if (strcmp(replay->path, "-") != 0)
		fd = open(replay->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		replay->size = (uint64_t)st.st_size;
	/* Not into the lines that are printed. */
	replay->shows_progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
	lines_init(&replay->lines, fd, TRACE_LINE_MAX);
	return 0;
}

static int run(struct replay *replay)
{
	int r = trace_reader_new(&replay->reader);

	if (r == 0)
		r = open_input(replay);
	return r < 0 ? r : take_all(replay);
}

int replay_run(const char *path, const struct meter_options *options)
{
	struct replay replay = { .path = path, .options = *options };
	int r;

	/* The output may be a pipe to head(1). */
	signal(SIGPIPE, SIG_IGN);
	r = run(&replay);
	if (replay.output_failed && r == -EPIPE)
		r = 0;
	if (r < 0)
		explain(&replay, r);
	if (replay.lines.fd > STDIN_FILENO)
		close(replay.lines.fd);
	lines_deinit(&replay.lines);
	trace_reader_free(replay.reader);
	meter_free(replay.meter);
	tick_deinit(&replay.tick);
	tick_json_deinit(&replay.json);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
