/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The thread for reads that may block. */
#include "config.h"

#include "host/poller.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "shared/clock.h"

#define STOP_SECONDS 2

struct poller {
	uint32_t period_ms;
	void (*poll)(void *data);
	void *data;
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under the lock: */
	pthread_cond_t stop_cond;
	bool stop;
};

static void *poller_main(void *argument)
{
	struct poller *poller = argument;

	pthread_mutex_lock(&poller->lock);
	while (!poller->stop) {
		struct timespec until;
		uint64_t until_ns;

		pthread_mutex_unlock(&poller->lock);
		poller->poll(poller->data);
		until_ns = clock_monotonic_ns() +
			   (uint64_t)poller->period_ms * NSEC_PER_MSEC;
		until.tv_sec = (time_t)(until_ns / NSEC_PER_SEC);
		until.tv_nsec = (long)(until_ns % NSEC_PER_SEC);
		pthread_mutex_lock(&poller->lock);
		while (!poller->stop && pthread_cond_timedwait(&poller->stop_cond,
						&poller->lock, &until) == 0)
			;
	}
	pthread_mutex_unlock(&poller->lock);
	return NULL;
}

static int start_thread(struct poller *poller, const char *name)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&poller->thread, NULL, poller_main, poller);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(poller->thread, name);
	return -r;
}

static void destroy(struct poller *poller)
{
	pthread_cond_destroy(&poller->stop_cond);
	pthread_mutex_destroy(&poller->lock);
	free(poller);
}

int poller_start(const char *name, uint32_t period_ms, void (*poll)(void *data),
	void *data, struct poller **ret_poller)
{
	struct poller *poller = calloc(1, sizeof(*poller));
	pthread_condattr_t attributes;
	int r;

	if (!poller)
		return -ENOMEM;
	poller->period_ms = period_ms;
	poller->poll = poll;
	poller->data = data;
	pthread_mutex_init(&poller->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&poller->stop_cond, &attributes);
	pthread_condattr_destroy(&attributes);
	r = start_thread(poller, name);
	if (r < 0) {
		destroy(poller);
		return r;
	}
	*ret_poller = poller;
	return 0;
}

bool poller_stop(struct poller *poller)
{
	struct timespec deadline;

	if (!poller)
		return true;
	pthread_mutex_lock(&poller->lock);
	poller->stop = true;
	pthread_cond_signal(&poller->stop_cond);
	pthread_mutex_unlock(&poller->lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_SECONDS;
	if (pthread_timedjoin_np(poller->thread, NULL, &deadline) != 0) {
		pthread_detach(poller->thread);
		return false;
	}
	destroy(poller);
	return true;
}
