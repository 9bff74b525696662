/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A list under a lock, an eventfd that says it is not empty, and a timer. */
#include "host/tick_request.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/clock.h"

struct tick_requests {
	void (*measure)(void *data);
	void *data;
	int fd;
	struct event *asked, *due;
	uint64_t next_ns;	     /* not before; CLOCK_MONOTONIC */
	struct tick_request *served; /* by the tick that is being measured */
	pthread_mutex_t lock;
	/* Under the lock: */
	struct tick_request *waiting;
	bool stop;
};

static bool is_asked(struct tick_requests *requests)
{
	bool asked;

	pthread_mutex_lock(&requests->lock);
	asked = requests->waiting != NULL;
	pthread_mutex_unlock(&requests->lock);
	return asked;
}

/* Now, or as soon as it may be. Another tick may have come meanwhile. */
static void measure_when_due(struct tick_requests *requests)
{
	uint64_t now_ns = clock_monotonic_ns(), wait_us;
	struct timeval wait;

	if (!is_asked(requests))
		return;
	if (now_ns >= requests->next_ns) {
		requests->measure(requests->data);
		return;
	}
	wait_us = (requests->next_ns - now_ns + 999) / 1000;
	wait = (struct timeval){ (time_t)(wait_us / 1000000),
		(suseconds_t)(wait_us % 1000000) };
	event_add(requests->due, &wait);
}

static void on_asked(evutil_socket_t fd, short what, void *data)
{
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) == sizeof(n))
		measure_when_due(data);
}

static void on_due(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	measure_when_due(data);
}

int tick_requests_new(struct event_base *base, void (*measure)(void *data), void *data,
	struct tick_requests **ret_requests)
{
	struct tick_requests *requests = calloc(1, sizeof(*requests));
	int r = -ENOMEM;

	if (!requests)
		return -ENOMEM;
	pthread_mutex_init(&requests->lock, NULL);
	requests->measure = measure;
	requests->data = data;
	requests->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (requests->fd < 0) {
		r = -errno;
	} else {
		requests->asked = event_new(
			base, requests->fd, EV_READ | EV_PERSIST, on_asked, requests);
		requests->due = evtimer_new(base, on_due, requests);
		if (requests->asked && requests->due &&
			event_add(requests->asked, NULL) == 0)
			r = 0;
	}
	if (r < 0) {
		tick_requests_free(requests);
		return r;
	}
	*ret_requests = requests;
	return 0;
}

int tick_requests_submit(struct tick_requests *requests, struct tick_request *request)
{
	static const uint64_t one = 1;
	bool stop;

	pthread_mutex_lock(&requests->lock);
	stop = requests->stop;
	if (!stop) {
		request->next = requests->waiting;
		requests->waiting = request;
		/* It cannot overflow, and the loop reads it whenever there is one. */
		(void)!write(requests->fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&requests->lock);
	return stop ? -ESHUTDOWN : 0;
}

static void finish(struct tick_request *list, int error, uint64_t number)
{
	while (list) {
		struct tick_request *request = list;

		list = request->next;
		request->done(request, error, number);
	}
}

void tick_requests_begin(struct tick_requests *requests)
{
	pthread_mutex_lock(&requests->lock);
	requests->served = requests->waiting;
	requests->waiting = NULL;
	pthread_mutex_unlock(&requests->lock);
}

void tick_requests_end(
	struct tick_requests *requests, int error, uint64_t number, uint64_t cost_ns)
{
	struct tick_request *served = requests->served;
	uint64_t spacing_ns = TICK_REQUEST_SPACING_COSTS * cost_ns;

	if (spacing_ns < TICK_REQUEST_SPACING_MIN_NS)
		spacing_ns = TICK_REQUEST_SPACING_MIN_NS;
	requests->next_ns = clock_monotonic_ns() + spacing_ns;
	requests->served = NULL;
	finish(served, error, number);
}

void tick_requests_stop(struct tick_requests *requests)
{
	struct tick_request *waiting;

	if (!requests)
		return;
	pthread_mutex_lock(&requests->lock);
	requests->stop = true;
	waiting = requests->waiting;
	requests->waiting = NULL;
	pthread_mutex_unlock(&requests->lock);
	finish(waiting, -ESHUTDOWN, 0);
}

void tick_requests_free(struct tick_requests *requests)
{
	if (!requests)
		return;
	if (requests->asked)
		event_free(requests->asked);
	if (requests->due)
		event_free(requests->due);
	if (requests->fd >= 0)
		close(requests->fd);
	pthread_mutex_destroy(&requests->lock);
	free(requests);
}
