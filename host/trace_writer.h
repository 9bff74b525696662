/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Machines and samples to the lines of a trace (host/TRACE.md): replaying them gives
 * the same ticks as the samples gave. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/json_text.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/trace.h"

/* One tick, as it was measured. All is the caller's. */
struct trace_item {
	const struct machine *machine;
	const struct sample *sample;
	const char *const *names;      /* of the sample's domains; NULL: not known */
	const struct trace_idle *idle; /* the idle power that the meter took, by zone */
	bool estimated;
};

/* What the lines so far have said. Zeroed: there are none yet. */
struct trace_writer {
	bool begun;
	/* Of the machine in the last host line. */
	uint64_t generation;
	size_t n_nodes;
	uint64_t node_memory_kib[MACHINE_NODES_MAX];
	uint64_t boottime_ns, monotonic_ns; /* of the first tick */
	struct trace_idle idle[MACHINE_ZONES_MAX];
};

/*
 * Adds a tick's line to the text, before it one of the machine where that is not as
 * it was in the tick before. -ENOMEM: the writer is as it was, the text is not.
 */
int trace_writer_add(struct trace_writer *writer, const struct trace_item *item,
	struct json_text *text);
