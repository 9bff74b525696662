/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Ticks that somebody asks for, beside the timer's. Any thread may ask; the main loop
 * measures once for all that wait by then, whatever it was that made it measure. Ticks
 * asked for keep a distance from the one before, which grows with what a tick costs:
 * whoever asks on and on takes a quarter of a core at most. What a tick is, and who may
 * ask, is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

/* From the end of a tick to the beginning of one that is asked for. */
#define TICK_REQUEST_SPACING_MIN_NS (UINT64_C(10) * 1000000)
/* And so many times what the tick cost, if that is longer. */
#define TICK_REQUEST_SPACING_COSTS 3

/* One that waits; its maker's, who leaves it alone until done(). */
struct tick_request {
	struct tick_request *next;
	/*
	 * In the main loop's thread, once a tick that began after the request is
	 * published; number is its snapshot's. error: -errno, there was none.
	 */
	void (*done)(struct tick_request *request, int error, uint64_t number);
};

struct tick_requests;

/*
 * measure is called in the loop when a tick is due; it may leave it to a later one.
 * -ENOMEM, -EMFILE.
 */
int tick_requests_new(struct event_base *base, void (*measure)(void *data), void *data,
	struct tick_requests **ret_requests);

/* Any thread. -ESHUTDOWN: the loop ends; then done() is not called. */
int tick_requests_submit(struct tick_requests *requests, struct tick_request *request);

/* Around each tick, in the loop: it is for those that wait when it begins. */
void tick_requests_begin(struct tick_requests *requests);
void tick_requests_end(
	struct tick_requests *requests, int error, uint64_t number, uint64_t cost_ns);

/* Those that wait are done, with -ESHUTDOWN, and no other is taken. NULL is fine. */
void tick_requests_stop(struct tick_requests *requests);

/* Once it was stopped, and before its loop is freed. NULL is fine. */
void tick_requests_free(struct tick_requests *requests);
