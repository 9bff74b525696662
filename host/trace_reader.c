/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From lines to samples. */
#include "host/trace_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/trace_host.h"
#include "host/trace_scan.h"
#include "host/trace_tick.h"

struct trace_reader {
	size_t n_lines;
	bool has_host, has_tick;
	struct trace_host host;
	struct trace_tick tick;
	/* Of this tick and the one before, in turns. */
	struct sample samples[2];
	unsigned current;
	char error[TRACE_ERROR_SIZE];
};

int trace_reader_new(struct trace_reader **ret_reader)
{
	struct trace_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	*ret_reader = reader;
	return 0;
}

void trace_reader_free(struct trace_reader *reader)
{
	if (!reader)
		return;
	trace_host_deinit(&reader->host);
	trace_tick_deinit(&reader->tick);
	sample_deinit(&reader->samples[0]);
	sample_deinit(&reader->samples[1]);
	free(reader);
}

/* What is known of a line before it is taken apart. */
struct outline {
	bool has_type, has_version;
	struct json_string type;
	uint64_t version;
};

static int take_outline(
	struct trace_scan *scan, const struct json_string *key, void *data)
{
	struct outline *outline = data;
	int r;

	if (json_string_is(key, "type")) {
		outline->has_type = true;
		r = json_scan_string(&scan->json, &outline->type);
	} else if (json_string_is(key, "version")) {
		outline->has_version = true;
		r = json_scan_u64(&scan->json, &outline->version);
	} else {
		r = json_scan_skip(&scan->json);
	}
	return r < 0 ? trace_scan_fail(scan) : 0;
}

static int find_outline(struct trace_scan *scan, struct outline *outline)
{
	int r = trace_scan_object(scan, take_outline, outline);

	return r < 0 ? r : trace_scan_end(scan);
}

/* Nearly all lines are ticks and say so first: these need no look at the whole. */
static bool begins_as_tick(const char *line, size_t len)
{
	static const char begin[] = "{\"type\":\"tick\"";

	return len >= sizeof(begin) - 1 && memcmp(line, begin, sizeof(begin) - 1) == 0;
}

static int take_host(struct trace_reader *reader, const char *line, size_t len,
	const struct outline *outline)
{
	struct trace_host host;
	int r;

	if (!outline->has_version)
		return trace_error(reader->error, "\"version\" is missing");
	if (outline->version == 0 || outline->version > TRACE_VERSION)
		return trace_error(reader->error,
			"version %" PRIu64 " is not known here, only version %d",
			outline->version, TRACE_VERSION);
	r = trace_host_parse(line, len, reader->error, &host);
	if (r < 0)
		return r;
	/* The base of all times is the first line's. */
	if (reader->has_host) {
		host.has_boottime = reader->host.has_boottime;
		host.boottime_ns = reader->host.boottime_ns;
	}
	/* As the daemon counts them: a meter starts over where they differ. */
	host.machine.generation = reader->host.machine.generation;
	if (!reader->has_host || !machine_is_same(&host.machine, &reader->host.machine))
		host.machine.generation++;
	trace_host_deinit(&reader->host);
	reader->host = host;
	reader->has_host = true;
	return 0;
}

static int take_tick(struct trace_reader *reader, const char *line, size_t len)
{
	const struct sample *before = &reader->samples[reader->current];
	struct sample *now = &reader->samples[!reader->current];
	uint64_t t_ns = reader->tick.t_ns;
	int r;

	if (!reader->has_host)
		return trace_error(reader->error, "a tick before any line of type host");
	r = trace_tick_parse(
		&reader->tick, &reader->host, before, line, len, reader->error, now);
	if (r < 0)
		return r;
	if (reader->has_tick && reader->tick.t_ns <= t_ns)
		return trace_error(reader->error,
			"\"t_ns\" is %" PRIu64 ", and in the tick before it was %" PRIu64,
			reader->tick.t_ns, t_ns);
	reader->current = !reader->current;
	reader->has_tick = true;
	return 0;
}

int trace_reader_take(struct trace_reader *reader, const char *line, size_t len,
	enum trace_line *ret_line)
{
	struct outline outline = { 0 };
	struct trace_scan scan;
	enum trace_line found = TRACE_LINE_OTHER;
	int r = 0;

	reader->n_lines++;
	trace_scan_init(&scan, line, len, reader->error);
	if (json_scan_end(&scan.json) == 0) {
		*ret_line = TRACE_LINE_OTHER;
		return 0;
	}
	if (begins_as_tick(line, len)) {
		found = TRACE_LINE_TICK;
	} else {
		if (find_outline(&scan, &outline) < 0)
			return -EBADMSG;
		if (!outline.has_type)
			return trace_error(reader->error, "\"type\" is missing");
		if (json_string_is(&outline.type, "tick"))
			found = TRACE_LINE_TICK;
		else if (json_string_is(&outline.type, "host"))
			found = TRACE_LINE_HOST;
	}
	if (found == TRACE_LINE_TICK)
		r = take_tick(reader, line, len);
	else if (found == TRACE_LINE_HOST)
		r = take_host(reader, line, len, &outline);
	if (r == 0)
		*ret_line = found;
	return r;
}

int trace_reader_end(struct trace_reader *reader)
{
	if (reader->has_host)
		return 0;
	reader->n_lines++;
	return trace_error(reader->error, "the trace ends without a line of type host");
}

size_t trace_reader_line(const struct trace_reader *reader)
{
	return reader->n_lines;
}

const char *trace_reader_error(const struct trace_reader *reader)
{
	return reader->error;
}

const struct machine *trace_reader_machine(const struct trace_reader *reader)
{
	return &reader->host.machine;
}

const struct sample *trace_reader_sample(const struct trace_reader *reader)
{
	return &reader->samples[reader->current];
}

uint64_t trace_reader_t_ns(const struct trace_reader *reader)
{
	return reader->tick.t_ns;
}

bool trace_reader_is_estimated(const struct trace_reader *reader)
{
	return reader->host.estimated;
}

const struct trace_idle *trace_reader_idle(const struct trace_reader *reader)
{
	return reader->host.idle;
}
