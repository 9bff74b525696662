/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Starting and ending threads. */
#include "config.h"

#include "host/thread.h"

#include <signal.h>

#include "shared/clock.h"

int thread_create(void *(*run)(void *data), void *data, pthread_t *ret_id)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret_id, NULL, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

void thread_init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

void thread_init(struct thread *thread)
{
	*thread = (struct thread){ 0 };
	pthread_mutex_init(&thread->lock, NULL);
	thread_init_cond(&thread->cond);
}

void thread_deinit(struct thread *thread)
{
	pthread_cond_destroy(&thread->cond);
	pthread_mutex_destroy(&thread->lock);
}

int thread_start(struct thread *thread, void *(*run)(void *data), void *data)
{
	return thread_create(run, data, &thread->id);
}

void thread_tell_stop(struct thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	thread->stop = true;
	pthread_cond_signal(&thread->cond);
	pthread_mutex_unlock(&thread->lock);
}

bool thread_stop(struct thread *thread, uint64_t ms)
{
	struct timespec due = thread_in_ms(ms);

	thread_tell_stop(thread);
	if (pthread_clockjoin_np(thread->id, NULL, CLOCK_MONOTONIC, &due) == 0)
		return true;
	pthread_detach(thread->id);
	return false;
}

struct timespec thread_in_ms(uint64_t ms)
{
	uint64_t due_ns = clock_monotonic_ns() + ms * NSEC_PER_MSEC;

	return (struct timespec){ (time_t)(due_ns / NSEC_PER_SEC),
		(long)(due_ns % NSEC_PER_SEC) };
}
