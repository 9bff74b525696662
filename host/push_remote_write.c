/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Prometheus remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec): a
 * WriteRequest in protocol buffers, in the block format of snappy. Each sample is a
 * series of one sample; compression makes the labels cheap. A series that ended gets a
 * sample that says so, or else it would go on for minutes in queries. Pure.
 *
 *	WriteRequest: 1 timeseries; TimeSeries: 1 labels, 2 samples
 *	Label: 1 name, 2 value; Sample: 1 value (double), 2 timestamp (int64, ms)
 */
#include "host/push_format.h"

#include <errno.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

#include "host/fnv.h"
#include "host/metrics_points.h"
#include "host/protobuf.h"
#include "shared/clock.h"

#define NAME "__name__"

/* The value that says that a series ended: a NaN of its own. */
#define STALE UINT64_C(0x7ff0000000000002)

struct series {
	struct json_text *body;
	uint64_t time_ms;
	/* Of the labels of what was told, where it is to be known; sorted in the end. */
	bool collects;
	struct json_text digests;
};

static void put_label(struct json_text *body, const char *name, const char *value)
{
	size_t label;

	/* An empty one is the same as none, and must not be sent. */
	if (!value[0])
		return;
	label = protobuf_begin(body, 1);
	protobuf_bytes(body, 1, name, strlen(name));
	protobuf_bytes(body, 2, value, strlen(value));
	protobuf_end(body, label);
}

/* In the order of their names. */
static void put_labels(struct json_text *body, const struct metrics_point *point)
{
	size_t i = 0;

	for (; i < point->n_labels && strcmp(point->labels[i].name, NAME) < 0; i++)
		put_label(body, point->labels[i].name, point->labels[i].value);
	put_label(body, NAME, point->family->name);
	for (; i < point->n_labels; i++)
		put_label(body, point->labels[i].name, point->labels[i].value);
}

static void put_sample(const struct series *series, uint64_t bits)
{
	size_t sample = protobuf_begin(series->body, 2);

	protobuf_fixed64(series->body, 1, bits);
	protobuf_varint(series->body, 2, series->time_ms);
	protobuf_end(series->body, sample);
}

/* Of the labels of the series that began at message. */
static uint64_t digest_labels(const struct json_text *body, size_t message)
{
	if (json_text_error(body) < 0)
		return 0;
	return fnv1a((const uint8_t *)body->data + message, body->used - message);
}

static void take(void *data, const struct metrics_point *point)
{
	struct series *series = data;
	double value = metrics_point_value(point);
	size_t message = protobuf_begin(series->body, 1);
	uint64_t bits;

	put_labels(series->body, point);
	if (series->collects) {
		uint64_t digest = digest_labels(series->body, message);

		json_text_put(&series->digests, (const char *)&digest, sizeof(digest));
	}
	memcpy(&bits, &value, sizeof(bits));
	put_sample(series, bits);
	protobuf_end(series->body, message);
}

static int compare_digests(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* A point of the tick before: unless it is there now, too, it ended. */
static void take_before(void *data, const struct metrics_point *point)
{
	struct series *series = data;
	size_t used = series->body->used, message = protobuf_begin(series->body, 1);
	uint64_t digest;

	put_labels(series->body, point);
	digest = digest_labels(series->body, message);
	if (json_text_error(series->body) < 0)
		return;
	if (bsearch(&digest, series->digests.data, series->digests.used / sizeof(digest),
		    sizeof(digest), compare_digests)) {
		series->body->used = used;
		return;
	}
	put_sample(series, STALE);
	protobuf_end(series->body, message);
}

static int add_ended(const struct push_options *options, struct series *series)
{
	if (json_text_error(&series->digests) < 0)
		return -ENOMEM;
	qsort(series->digests.data, series->digests.used / sizeof(uint64_t),
		sizeof(uint64_t), compare_digests);
	return push_format_points(options, options->before, take_before, series);
}

/*
 * A tick that somebody asked for and one that was due can be in the same ms, of which
 * Prometheus keeps the first alone, or refuses the batch that has the second.
 */
static uint64_t get_time_ms(
	const struct push_options *options, const struct snapshot *snapshot)
{
	uint64_t time_ms = snapshot->time_ns / NSEC_PER_MSEC;
	bool again = options->before &&
		     options->before->time_ns / NSEC_PER_MSEC == time_ms;

	return time_ms + again;
}

static int add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	struct series series = { .body = body,
		.time_ms = get_time_ms(options, snapshot),
		.collects = options->before &&
			    !snapshot_has_same_series(options->before, snapshot) };
	int r = push_format_points(options, snapshot, take, &series);

	if (r == 0 && series.collects)
		r = add_ended(options, &series);
	json_text_deinit(&series.digests);
	return r < 0 ? r : json_text_error(body);
}

static int finish(struct json_text *body)
{
	size_t size = snappy_max_compressed_length(body->used);
	char *compressed = malloc(size);

	if (!compressed)
		return -ENOMEM;
	if (snappy_compress(body->data, body->used, compressed, &size) != SNAPPY_OK) {
		free(compressed);
		return -EOVERFLOW;
	}
	json_text_deinit(body);
	*body = (struct json_text){ .data = compressed, .used = size, .size = size };
	return 0;
}

/* As it says: 4xx must not be sent again, but 429 may. */
static enum push_verdict judge(unsigned int status)
{
	if (status >= 200 && status < 300)
		return PUSH_DELIVERED;
	if (status >= 400 && status < 500 && status != 429)
		return PUSH_REFUSED;
	return PUSH_RETRY;
}

static const char *const headers[] = {
	"Content-Encoding: snappy",
	"X-Prometheus-Remote-Write-Version: 0.1.0",
	NULL,
};

const struct push_format push_format_remote_write = {
	.name = "remote-write",
	.carrier = PUSH_CARRIER_HTTP,
	.content_type = "application/x-protobuf",
	.headers = headers,
	.token_header = "Authorization: Bearer ",
	.host_label = "instance",
	.add = add,
	.finish = finish,
	.judge = judge,
};
