/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Riemann's events, in the messages of its protocol (proto.proto of riemann-java-client):
 * an event a sample, a message a batch, with its length in front of it. Pure.
 *
 * Riemann knows an event by its host and service: so the service has the labels' values
 * behind the metric's name. They are attributes as well, and the tick is one.
 */
#include "host/push_format.h"

#include "host/metrics_points.h"
#include "host/percent.h"
#include "host/protobuf.h"
#include "host/push_series.h"
#include "shared/clock.h"
#include "shared/number.h"

/* Of a message, in bytes, the first one first. */
#define LENGTH_SIZE 4

/* Fields of Msg, Event and Attribute. */
#define MSG_EVENTS	    6
#define EVENT_TIME	    1
#define EVENT_SERVICE	    3
#define EVENT_HOST	    4
#define EVENT_TAGS	    7
#define EVENT_ATTRIBUTES    9
#define EVENT_TIME_MICROS   10
#define EVENT_METRIC_SINT64 13
#define EVENT_METRIC_D	    14
#define ATTRIBUTE_KEY	    1
#define ATTRIBUTE_VALUE	    2

struct events {
	struct json_text *body;
	const char *host;
	uint64_t time_ns;
	char tick[NUMBER_U64_SIZE];
};

/* Encoded, so that no two series are called the same. */
static void put_service(struct json_text *body, const struct metrics_point *point)
{
	size_t service = protobuf_begin(body, EVENT_SERVICE);

	push_series_put_name(body, point);
	for (size_t i = 0; i < point->n_labels; i++) {
		json_text_literal(body, "/");
		percent_put(body, point->labels[i].value);
	}
	protobuf_end(body, service);
}

static void put_attribute(struct json_text *body, const char *key, const char *value)
{
	size_t attribute = protobuf_begin(body, EVENT_ATTRIBUTES);

	protobuf_string(body, ATTRIBUTE_KEY, key);
	protobuf_string(body, ATTRIBUTE_VALUE, value);
	protobuf_end(body, attribute);
}

static void take(void *data, const struct metrics_point *point)
{
	const struct events *events = data;
	struct json_text *body = events->body;
	size_t event = protobuf_begin(body, MSG_EVENTS);

	protobuf_varint(body, EVENT_TIME, events->time_ns / NSEC_PER_SEC);
	put_service(body, point);
	protobuf_string(body, EVENT_HOST, events->host);
	protobuf_string(body, EVENT_TAGS, "vmpower");
	for (size_t i = 0; i < point->n_labels; i++)
		put_attribute(body, point->labels[i].name, point->labels[i].value);
	put_attribute(body, "tick", events->tick);
	protobuf_varint(body, EVENT_TIME_MICROS, events->time_ns / 1000);
	if (push_series_is_whole(point))
		protobuf_sint(body, EVENT_METRIC_SINT64, (int64_t)point->number);
	else
		protobuf_double(body, EVENT_METRIC_D, metrics_point_value(point));
	protobuf_end(body, event);
}

static int add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	struct events events = { body, options->host, snapshot->time_ns, "" };
	int r;

	number_format_u64(events.tick, snapshot->number);
	/* Known at the end. */
	if (body->used == 0)
		json_text_put(body, "\0\0\0\0", LENGTH_SIZE);
	r = push_format_points(options, snapshot, take, &events);
	return r < 0 ? r : json_text_error(body);
}

static int finish(struct json_text *body)
{
	size_t len = body->used - LENGTH_SIZE;

	for (size_t i = 0; i < LENGTH_SIZE; i++)
		body->data[i] = (char)(unsigned char)(len >> 8 * (LENGTH_SIZE - 1 - i));
	return 0;
}

const struct push_format push_format_riemann = {
	.name = "riemann",
	.carrier = PUSH_CARRIER_RIEMANN,
	.add = add,
	.finish = finish,
	.judge = push_format_judge,
};
