/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The formats in which ticks are pushed: each is one pure file that makes bytes of
 * snapshots and knows what an answer means. What carries the bytes is
 * host/push_transport.h, when they go and what becomes of a failure host/push_target.h.
 */
#pragma once

#include "host/json_text.h"
#include "host/metrics.h"
#include "host/snapshot.h"

/* What a body is made with besides the snapshots. */
struct push_options {
	struct metrics_options metrics;
	/* This host's name, for a format that has a place for it. */
	const char *host;
	/* Labels of all points, see host/labels.h: the format's host_label among them. */
	const char *labels;
	/* The tick that was told last, for formats that say which series ended; NULL:
	 * none was. */
	const struct snapshot *before;
};

/* What is to become of a batch after its answer. */
enum push_verdict {
	PUSH_DELIVERED,
	PUSH_REFUSED, /* it never will be taken: dropped, and counted */
	PUSH_RETRY,   /* later, with what came meanwhile waiting behind it */
	/* No format's: it is refused, but was sent before and that answer was lost, so
	 * that the target may have it. Dropped, and counted apart. */
	PUSH_UNCLEAR,
};

enum push_carrier {
	PUSH_CARRIER_HTTP,    /* POST to a URL */
	PUSH_CARRIER_RIEMANN, /* frames on a TCP connection, answered by frames */
};

struct push_format {
	const char *name; /* format = in the configuration */
	enum push_carrier carrier;
	const char *content_type;
	/* More of them, "Name: value", ended by NULL; NULL: none. */
	const char *const *headers;
	/* What stands before the token of token_file: "Authorization: Bearer ". */
	const char *token_header;
	/* The label that tells the host; NULL: none, options->host does. */
	const char *host_label;
	/* Puts a tick behind what is in the body. -ENOMEM, or what else is wrong. */
	int (*add)(const struct push_options *options, const struct snapshot *snapshot,
		struct json_text *body);
	/* Once, when all ticks of a batch are in it (frames, compression). NULL: nothing
	 * is left to do. -ENOMEM. */
	int (*finish)(struct json_text *body);
	/* status: the HTTP status, or what the carrier says stands for it; 0: there was
	 * no answer. */
	enum push_verdict (*judge)(unsigned int status);
};

extern const struct push_format push_format_remote_write;
extern const struct push_format push_format_influx;
extern const struct push_format push_format_ndjson;
extern const struct push_format push_format_warp10;
extern const struct push_format push_format_riemann;

/* The format of this name; NULL: there is none. */
const struct push_format *push_format_find(const char *name);

/* Their names, "a, b or c", for messages. */
#define PUSH_FORMAT_NAMES "remote-write, influx, ndjson, warp10 or riemann"

/*
 * For protocols that do not say more than HTTP itself: what a person has to put right at
 * the target (who we are, what is there) is tried again, as is trouble of its own.
 */
enum push_verdict push_format_judge(unsigned int status);

/*
 * For formats of points: hands over all points of the snapshot, see
 * host/metrics_points.h, to put in the body. -ENOMEM.
 */
struct metrics_point;
int push_format_points(const struct push_options *options,
	const struct snapshot *snapshot,
	void (*take)(void *data, const struct metrics_point *point), void *data);
