/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A thread with a lock, and a condition on which it waits for work or for its end.
 * Signals are for the main thread: these take none. What the thread does and what the
 * lock guards is the caller's.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct thread {
	pthread_t id;
	pthread_mutex_t lock;
	/* Under the lock: */
	pthread_cond_t cond; /* timed waits are by CLOCK_MONOTONIC */
	bool stop;	     /* it is to end */
};

/* A thread alone, which takes no signals. -EAGAIN. */
int thread_create(void *(*run)(void *data), void *data, pthread_t *ret_id);

/* The lock and the condition; thread_deinit() once no thread runs. */
void thread_init(struct thread *thread);
void thread_deinit(struct thread *thread);

/* A condition whose timed waits are by CLOCK_MONOTONIC. */
void thread_init_cond(pthread_cond_t *cond);

/* -EAGAIN. */
int thread_start(struct thread *thread, void *(*run)(void *data), void *data);

/* Says that it is to end. */
void thread_tell_stop(struct thread *thread);
/*
 * And waits until it has, for so long at most. false: it hangs in the kernel, and is let
 * go; then all that it uses must stay for good, the thread's struct too.
 */
bool thread_stop(struct thread *thread, uint64_t ms);

/* The instant in so many ms, to wait until. */
struct timespec thread_in_ms(uint64_t ms);
