/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Taking a line of a trace apart. */
#include "host/trace_scan.h"

#include <inttypes.h>

int trace_scan_fail(const struct trace_scan *scan)
{
	const struct json_scan *json = &scan->json;

	if (json->at == json->end)
		return trace_error(scan->error, "the line ends where %s should be",
			json_scan_expected(json));
	return trace_error(scan->error, "expected %s at byte %zu",
		json_scan_expected(json), (size_t)(json->at - json->start) + 1);
}

int trace_scan_skip(struct trace_scan *scan)
{
	return json_scan_skip(&scan->json) < 0 ? trace_scan_fail(scan) : 0;
}

int trace_scan_end(struct trace_scan *scan)
{
	return json_scan_end(&scan->json) < 0 ? trace_scan_fail(scan) : 0;
}

int trace_scan_number(
	struct trace_scan *scan, const char *name, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;

	if (json_scan_u64(&scan->json, &value) < 0)
		return trace_scan_fail(scan);
	if (value > max)
		return trace_error(scan->error,
			"\"%s\" is %" PRIu64 ", it can be %" PRIu64, name, value, max);
	*ret_value = value;
	return 0;
}

int trace_scan_start(struct trace_scan *scan, uint64_t base_ns, uint64_t *ret_ticks)
{
	int64_t start_ns;

	if (json_scan_i64(&scan->json, &start_ns) < 0)
		return trace_scan_fail(scan);
	if (__builtin_add_overflow(start_ns, (int64_t)base_ns, &start_ns))
		start_ns = INT64_MAX;
	*ret_ticks = start_ns > 0 ? (uint64_t)start_ns / SAMPLE_START_TICK_NS : 0;
	return 0;
}

int trace_scan_array(struct trace_scan *scan,
	int (*take)(struct trace_scan *scan, void *data), void *data)
{
	size_t n = 0;
	int r;

	if (json_scan_open(&scan->json, '[') < 0)
		return trace_scan_fail(scan);
	while ((r = json_scan_next(&scan->json, ']', &n)) > 0) {
		r = take(scan, data);
		if (r < 0)
			return r;
	}
	return r < 0 ? trace_scan_fail(scan) : 0;
}

int trace_scan_rest(struct trace_scan *scan, size_t *n)
{
	int r;

	while ((r = json_scan_next(&scan->json, ']', n)) > 0) {
		if (json_scan_skip(&scan->json) < 0)
			return trace_scan_fail(scan);
	}
	return r < 0 ? trace_scan_fail(scan) : 0;
}

int trace_scan_object(struct trace_scan *scan,
	int (*take)(struct trace_scan *scan, const struct json_string *key, void *data),
	void *data)
{
	size_t n = 0;
	int r;

	if (json_scan_open(&scan->json, '{') < 0)
		return trace_scan_fail(scan);
	while ((r = json_scan_next(&scan->json, '}', &n)) > 0) {
		struct json_string key;

		if (json_scan_key(&scan->json, &key) < 0)
			return trace_scan_fail(scan);
		r = take(scan, &key, data);
		if (r < 0)
			return r;
	}
	return r < 0 ? trace_scan_fail(scan) : 0;
}

/* The members that are wanted, and those that were there. */
struct wanted {
	const struct trace_member *members;
	size_t n_members;
	void *data;
	unsigned seen;
};

static int take_wanted(struct trace_scan *scan, const struct json_string *key, void *data)
{
	struct wanted *wanted = data;
	size_t i = 0;

	while (i < wanted->n_members && !json_string_is(key, wanted->members[i].name))
		i++;
	if (i == wanted->n_members)
		return trace_scan_skip(scan);
	if (wanted->seen >> i & 1)
		return trace_error(
			scan->error, "\"%s\" is there twice", wanted->members[i].name);
	wanted->seen |= 1u << i;
	return wanted->members[i].take(scan, wanted->data);
}

int trace_scan_members(struct trace_scan *scan, const struct trace_member *members,
	size_t n_members, void *data, unsigned *ret_seen)
{
	struct wanted wanted = { members, n_members, data, 0 };
	int r = trace_scan_object(scan, take_wanted, &wanted);

	if (r == 0)
		*ret_seen = wanted.seen;
	return r;
}
