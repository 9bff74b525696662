/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What carries batches to one target, all in the push thread, which never waits in here:
 * host/push_http.c by libcurl, host/push_riemann_tcp.c in its own way. One batch is on
 * its way at a time, so a target is told ticks in their order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#define PUSH_ERROR_SIZE 256

struct push_config;

/* What became of a batch. */
struct push_answer {
	unsigned int status;	/* of HTTP or alike; 0: there was no answer */
	uint32_t retry_after_s; /* not before; 0: it did not say */
	bool lost; /* it was sent, perhaps whole, and an answer to that was lost */
	char error[PUSH_ERROR_SIZE]; /* why not, for the log; any bytes of theirs */
};

struct push_transport;

struct push_transport_ops {
	/*
	 * config is the target's, and stays; multi is the thread's, which runs it and
	 * waits on it. -ENOMEM.
	 */
	int (*open)(const struct push_config *config, CURLM *multi,
		struct push_transport **ret_transport);
	/* Begins to send; body stays until it is done. again: it is the batch of the last
	 * time. Errors are told by work(). */
	void (*send)(struct push_transport *transport, const void *body, size_t size,
		bool again);
	/* The descriptor that the thread is to wait on besides, and for what
	 * (CURL_WAIT_POLLIN...). false: none. NULL: never any (curl's own are known). */
	bool (*wait)(struct push_transport *transport, struct curl_waitfd *ret_wait);
	/* Goes on. true: it is done, and this is what became of it. */
	bool (*work)(struct push_transport *transport, struct push_answer *ret_answer);
	/* Also in the middle of a batch. */
	void (*close)(struct push_transport *transport);
};

/* The first member of what implements it. */
struct push_transport {
	const struct push_transport_ops *ops;
	/*
	 * Of a handle in the multi whose CURLOPT_PRIVATE is the transport: whether it is
	 * done, which the thread finds out, and how. The handle stays in there.
	 */
	bool done;
	CURLcode code;
};

extern const struct push_transport_ops push_http_ops;
extern const struct push_transport_ops push_riemann_ops;
