/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Metrics of push targets. */
#include "host/metrics_push.h"

#include <stddef.h>

static const struct metrics_family push_delivered = {
	"vmpower_push_delivered_ticks_total",
	METRICS_COUNTER,
	NULL,
	"Ticks that a push target has taken.",
};
static const struct metrics_family push_dropped = {
	"vmpower_push_dropped_ticks_total",
	METRICS_COUNTER,
	NULL,
	"Ticks that a push target will not be told any more, and why.",
};
static const struct metrics_family push_failures = {
	"vmpower_push_failures_total",
	METRICS_COUNTER,
	NULL,
	"Attempts to send to a push target that failed.",
};
static const struct metrics_family push_waiting = {
	"vmpower_push_waiting_ticks",
	METRICS_GAUGE,
	NULL,
	"Ticks that wait to be pushed to a target.",
};
static const struct metrics_family push_delivered_time = {
	"vmpower_push_delivered_timestamp_seconds",
	METRICS_GAUGE,
	"seconds",
	"When a push target last took something, in seconds since 1970; 0: not yet.",
};

static void begin_push(struct metrics_sink *sink, const struct metrics_family *family,
	const struct snapshot_push *push)
{
	metrics_sample(sink, family);
	metrics_label(sink, "target", push->name);
}

static void put_dropped(struct metrics_sink *sink, const struct snapshot_push *push)
{
	const struct {
		const char *reason;
		uint64_t ticks;
	} dropped[] = {
		{ "queue_full", push->full_ticks },
		{ "refused", push->refused_ticks },
		{ "unclear", push->unclear_ticks },
		{ "no_memory", push->memory_ticks },
	};

	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		begin_push(sink, &push_dropped, push);
		metrics_label(sink, "reason", dropped[i].reason);
		metrics_value_u64(sink, dropped[i].ticks);
	}
}

void metrics_push(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	static const struct {
		const struct metrics_family *family;
		size_t offset; /* of its uint64_t in struct snapshot_push */
	} numbers[] = {
		{ &push_delivered, offsetof(struct snapshot_push, delivered_ticks) },
		{ &push_failures, offsetof(struct snapshot_push, failures) },
		{ &push_waiting, offsetof(struct snapshot_push, waiting_ticks) },
	};
	const struct snapshot_push *end;

	if (snapshot->n_pushes == 0)
		return;
	end = snapshot->pushes + snapshot->n_pushes;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		metrics_family(sink, numbers[i].family);
		for (const struct snapshot_push *push = snapshot->pushes; push < end;
			push++) {
			begin_push(sink, numbers[i].family, push);
			metrics_value_u64(sink, *(const uint64_t *)((const char *)push +
								    numbers[i].offset));
		}
	}
	metrics_family(sink, &push_dropped);
	for (const struct snapshot_push *push = snapshot->pushes; push < end; push++)
		put_dropped(sink, push);
	metrics_family(sink, &push_delivered_time);
	for (const struct snapshot_push *push = snapshot->pushes; push < end; push++) {
		begin_push(sink, &push_delivered_time, push);
		metrics_value_ns(sink, push->delivered_ns);
	}
}
