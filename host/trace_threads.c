/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From [tid, start_ns, kind, index, cpu_ns, last_cpu] to a thread. */
#include "host/trace_threads.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

struct parser {
	struct sample *sample;
	uint64_t base_ns;
};

/* The next element of an array that has so many of them. */
static int next_field(struct trace_scan *scan, size_t *n)
{
	int r = json_scan_next(&scan->json, ']', n);

	if (r < 0)
		return trace_scan_fail(scan);
	if (r == 0)
		return trace_error(scan->error,
			"a thread of %zu elements; it must be "
			"[tid, start_ns, kind, index, cpu_ns, last_cpu]",
			*n);
	return 0;
}

static int scan_kind(struct trace_scan *scan, uint8_t *ret_kind)
{
	struct json_string kind;

	if (json_scan_string(&scan->json, &kind) < 0)
		return trace_scan_fail(scan);
	if (trace_thread_kind_parse(&kind, ret_kind) < 0)
		return trace_error(scan->error,
			"kind \"%.*s\" of a thread is not vcpu, emulator, iothread or "
			"vhost",
			(int)(kind.len < 32 ? kind.len : 32), kind.text);
	return 0;
}

/* Of a thread that is one of several; of others any number will do, -1 too. */
static int scan_index(struct trace_scan *scan, uint8_t kind, uint16_t *ret_index)
{
	uint64_t index;
	int r;

	if (kind != SAMPLE_THREAD_VCPU && kind != SAMPLE_THREAD_IOTHREAD)
		return trace_scan_skip(scan);
	r = trace_scan_number(scan, "index", UINT16_MAX, &index);
	if (r == 0)
		*ret_index = (uint16_t)index;
	return r;
}

static int take_thread(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;
	struct sample_thread *thread = sample_add_thread(parser->sample);
	uint64_t tid, last_cpu;
	size_t n = 0;
	int r;

	if (!thread)
		return -ENOMEM;
	if (json_scan_open(&scan->json, '[') < 0)
		return trace_scan_fail(scan);
	if ((r = next_field(scan, &n)) < 0 ||
		(r = trace_scan_number(scan, "tid", INT_MAX, &tid)) < 0 ||
		(r = next_field(scan, &n)) < 0 ||
		(r = trace_scan_start(scan, parser->base_ns, &thread->start_ticks)) < 0 ||
		(r = next_field(scan, &n)) < 0 ||
		(r = scan_kind(scan, &thread->kind)) < 0 ||
		(r = next_field(scan, &n)) < 0 ||
		(r = scan_index(scan, thread->kind, &thread->index)) < 0 ||
		(r = next_field(scan, &n)) < 0 ||
		(r = trace_scan_number(scan, "cpu_ns", UINT64_MAX, &thread->cpu_ns)) <
			0 ||
		(r = next_field(scan, &n)) < 0 ||
		(r = trace_scan_number(scan, "last_cpu", UINT16_MAX, &last_cpu)) < 0)
		return r;
	thread->tid = (pid_t)tid;
	thread->last_cpu = (uint16_t)last_cpu;
	return trace_scan_rest(scan, &n);
}

static int compare_threads(const void *a, const void *b)
{
	const struct sample_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int sort_threads(struct trace_scan *scan, struct sample *sample, size_t first)
{
	size_t n = sample->n_threads - first;
	struct sample_thread *threads;
	bool sorted = true;

	if (n == 0)
		return 0;
	threads = &sample->threads[first];
	for (size_t i = 1; i < n && sorted; i++)
		sorted = threads[i - 1].tid < threads[i].tid;
	if (sorted)
		return 0;
	qsort(threads, n, sizeof(*threads), compare_threads);
	for (size_t i = 1; i < n; i++) {
		if (threads[i - 1].tid == threads[i].tid)
			return trace_error(scan->error,
				"a domain has two threads with tid %d", threads[i].tid);
	}
	return 0;
}

int trace_threads_scan(struct trace_scan *scan, uint64_t base_ns, struct sample *sample,
	struct sample_domain *domain)
{
	struct parser parser = { sample, base_ns };
	size_t first = sample->n_threads;
	int r = trace_scan_array(scan, take_thread, &parser);

	if (r < 0)
		return r;
	domain->first_thread = (uint32_t)first;
	domain->n_threads = (uint32_t)(sample->n_threads - first);
	return sort_threads(scan, sample, first);
}
