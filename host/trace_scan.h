/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Pulling values out of a line of a trace: a cursor that knows where to tell what is
 * wrong. Pure.
 *
 * What returns int returns -EBADMSG when the error has been told. A callback that
 * returns below 0 ends the scan, which returns the same.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/json_scan.h"
#include "host/trace.h"

struct trace_scan {
	struct json_scan json;
	char *error; /* of TRACE_ERROR_SIZE */
};

/* A member of an object, by name. */
struct trace_member {
	const char *name;
	int (*take)(struct trace_scan *scan, void *data);
};

static inline void trace_scan_init(struct trace_scan *scan, const char *line, size_t len,
	char error[TRACE_ERROR_SIZE])
{
	json_scan_init(&scan->json, line, len);
	scan->error = error;
}

/* Tells what was expected, and where. -EBADMSG. */
int trace_scan_fail(const struct trace_scan *scan);

/* Any value is passed over. */
int trace_scan_skip(struct trace_scan *scan);

/* Nothing but white space is left. */
int trace_scan_end(struct trace_scan *scan);

/* A whole number of at most max; name is what it is in the trace. */
int trace_scan_number(
	struct trace_scan *scan, const char *name, uint64_t max, uint64_t *ret_value);

/* An instant before or after base_ns, in the kernel's clock ticks since boot. */
int trace_scan_start(struct trace_scan *scan, uint64_t base_ns, uint64_t *ret_ticks);

/* take has to pass each element. */
int trace_scan_array(struct trace_scan *scan,
	int (*take)(struct trace_scan *scan, void *data), void *data);

/*
 * Up to the end of an array of which n elements were taken: those that a later version
 * may add are passed over.
 */
int trace_scan_rest(struct trace_scan *scan, size_t *n);

/* take has to pass each member's value. */
int trace_scan_object(struct trace_scan *scan,
	int (*take)(struct trace_scan *scan, const struct json_string *key, void *data),
	void *data);

/*
 * An object of which the members in the table are taken, and others passed over.
 * *ret_seen gets a bit for each, 32 at most; none may be there twice.
 */
int trace_scan_members(struct trace_scan *scan, const struct trace_member *members,
	size_t n_members, void *data, unsigned *ret_seen);
