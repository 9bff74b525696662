/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Lines of a trace (host/TRACE.md) to machines and samples. It is given the lines, and
 * knows nothing of files. Pure.
 */
#pragma once

#include <stddef.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/trace.h"

struct trace_reader;

enum trace_line {
	TRACE_LINE_OTHER, /* empty, or of a type that is not known: passed over */
	TRACE_LINE_HOST,  /* there is a new machine */
	TRACE_LINE_TICK,  /* there is a new sample */
};

/* -ENOMEM. */
int trace_reader_new(struct trace_reader **ret_reader);
/* NULL is fine. */
void trace_reader_free(struct trace_reader *reader);

/*
 * The next line, with or without its newline. -EBADMSG: trace_reader_error() says what
 * is wrong with it; -ENOMEM. After an error there is no going on.
 */
int trace_reader_take(struct trace_reader *reader, const char *line, size_t len,
	enum trace_line *ret_line);

/*
 * The trace ends here. -EBADMSG if there was no host line in it: an empty file is no
 * trace.
 */
int trace_reader_end(struct trace_reader *reader);

/* How many lines were taken: the number of the last one. */
size_t trace_reader_line(const struct trace_reader *reader);
const char *trace_reader_error(const struct trace_reader *reader);

/*
 * The machine of the last host line, whose generation counts host lines, and the last
 * tick. Valid until the next line.
 *
 * Instants: boottime_ns is the host line's own where it tells it, else a large one, so
 * that what started long before the first tick has a start above 0.
 *
 * A domain's pid and start_ticks tell an incarnation from the next. Where the trace has
 * neither they are those of its oldest vCPU, and stay while the domain is in every tick
 * with at least one thread of the tick before.
 */
const struct machine *trace_reader_machine(const struct trace_reader *reader);
const struct sample *trace_reader_sample(const struct trace_reader *reader);

/* "t_ns" of the last tick. */
uint64_t trace_reader_t_ns(const struct trace_reader *reader);
/* Whether the energy is an estimate, not a measurement. */
bool trace_reader_is_estimated(const struct trace_reader *reader);
/* What the trace says of the idle power, by zone, as of the last line. */
const struct trace_idle *trace_reader_idle(const struct trace_reader *reader);
