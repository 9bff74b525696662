/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A thread that takes no signals, and ends when it is told to. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/thread.h"
#include "shared/clock.h"

struct job {
	struct thread thread;
	sigset_t mask;
	bool timed_out, ended;
};

/* Waits a little, then for the end. */
static void *run(void *data)
{
	struct job *job = data;
	struct timespec until = thread_in_ms(20);

	pthread_sigmask(SIG_SETMASK, NULL, &job->mask);
	pthread_mutex_lock(&job->thread.lock);
	while (!job->timed_out)
		job->timed_out = pthread_cond_timedwait(&job->thread.cond,
					 &job->thread.lock, &until) == ETIMEDOUT;
	while (!job->thread.stop)
		pthread_cond_wait(&job->thread.cond, &job->thread.lock);
	job->ended = true;
	pthread_mutex_unlock(&job->thread.lock);
	return NULL;
}

static void test_a_thread(void **state)
{
	uint64_t start_ns = clock_monotonic_ns();
	struct job job = { 0 };
	sigset_t mask;

	(void)state;
	thread_init(&job.thread);
	assert_int_equal(thread_start(&job.thread, run, &job), 0);
	assert_true(thread_stop(&job.thread, 60000));
	assert_true(job.timed_out);
	assert_true(job.ended);
	assert_true(clock_monotonic_ns() - start_ns >= 20 * NSEC_PER_MSEC);
	thread_deinit(&job.thread);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&job.mask, SIGTERM), 1);
	assert_int_equal(sigismember(&job.mask, SIGHUP), 1);
	assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

static _Atomic bool hangs;

static void *hang(void *data)
{
	(void)data;
	while (hangs)
		usleep(1000);
	return NULL;
}

/* Of one that does not end it is told when the time is over. */
static void test_hang(void **state)
{
	static struct thread thread;
	uint64_t begin_ns = clock_monotonic_ns(), waited_ns;

	(void)state;
	hangs = true;
	thread_init(&thread);
	assert_int_equal(thread_start(&thread, hang, NULL), 0);
	assert_false(thread_stop(&thread, 50));
	waited_ns = clock_monotonic_ns() - begin_ns;
	assert_in_range(waited_ns, 50 * NSEC_PER_MSEC, 30 * (uint64_t)NSEC_PER_SEC);
	hangs = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thread),
		cmocka_unit_test(test_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
