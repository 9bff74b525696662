/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The thread for reads that may block. */
#include "config.h"

#include "host/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "host/thread.h"

#define STOP_MS 2000

struct poller {
	uint32_t period_ms;
	void (*poll)(void *data);
	void *data;
	struct thread thread;
	bool wake; /* under the thread's lock */
};

static void *poller_main(void *argument)
{
	struct poller *poller = argument;

	pthread_mutex_lock(&poller->thread.lock);
	while (!poller->thread.stop) {
		struct timespec until;

		poller->wake = false;
		pthread_mutex_unlock(&poller->thread.lock);
		poller->poll(poller->data);
		until = thread_in_ms(poller->period_ms);
		pthread_mutex_lock(&poller->thread.lock);
		while (!poller->thread.stop && !poller->wake &&
			pthread_cond_timedwait(
				&poller->thread.cond, &poller->thread.lock, &until) == 0)
			;
	}
	pthread_mutex_unlock(&poller->thread.lock);
	return NULL;
}

static void destroy(struct poller *poller)
{
	thread_deinit(&poller->thread);
	free(poller);
}

int poller_start(const char *name, uint32_t period_ms, void (*poll)(void *data),
	void *data, struct poller **ret_poller)
{
	struct poller *poller = calloc(1, sizeof(*poller));
	int r;

	if (!poller)
		return -ENOMEM;
	poller->period_ms = period_ms;
	poller->poll = poll;
	poller->data = data;
	thread_init(&poller->thread);
	r = thread_start(&poller->thread, poller_main, poller);
	if (r < 0) {
		destroy(poller);
		return r;
	}
	pthread_setname_np(poller->thread.id, name);
	*ret_poller = poller;
	return 0;
}

void poller_wake(struct poller *poller)
{
	pthread_mutex_lock(&poller->thread.lock);
	poller->wake = true;
	pthread_cond_signal(&poller->thread.cond);
	pthread_mutex_unlock(&poller->thread.lock);
}

bool poller_stop(struct poller *poller)
{
	if (!poller)
		return true;
	if (!thread_stop(&poller->thread, STOP_MS))
		return false;
	destroy(poller);
	return true;
}
