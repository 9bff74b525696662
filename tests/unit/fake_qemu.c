/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A process that looks like a QEMU in /proc. */
#include "tests/unit/fake_qemu.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/clock.h"

#define NAME	    "fake-qemu"
#define CONTROL_FD  3
#define THREADS_MAX 64

/* What the test asks for, and what it is told. */
struct request {
	enum { START, BURN, BURST, TICK } verb;
	unsigned thread;
	unsigned ms;
	char name[16];
};

struct worker {
	pthread_t thread;
	char name[16];
	unsigned burn_ms;
	uint64_t used_ns;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static struct worker workers[THREADS_MAX];
static atomic_uint tick_ms;

#define require(condition)                                                               \
	do {                                                                             \
		if (!(condition)) {                                                      \
			perror("fake_qemu: " #condition);                                \
			abort();                                                         \
		}                                                                        \
	} while (0)

static uint64_t burn(unsigned ms)
{
	uint64_t end_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) + ms * NSEC_PER_MSEC;
	uint64_t now_ns;

	do
		now_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	while (now_ns < end_ns);
	return now_ns;
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	prctl(PR_SET_NAME, worker->name);
	pthread_mutex_lock(&worker->lock);
	for (;;) {
		struct timespec until;
		unsigned period_ms = atomic_load(&tick_ms);

		if (worker->burn_ms > 0) {
			worker->used_ns = burn(worker->burn_ms);
			worker->burn_ms = 0;
			pthread_cond_broadcast(&worker->changed);
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += (long)(period_ms * NSEC_PER_MSEC);
		until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
		until.tv_nsec %= NSEC_PER_SEC;
		if (period_ms > 0)
			pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
		else
			pthread_cond_wait(&worker->changed, &worker->lock);
	}
	return NULL;
}

static uint64_t start_worker(unsigned *n_workers, const char *name)
{
	struct worker *worker = &workers[++*n_workers];

	require(*n_workers < THREADS_MAX);
	memcpy(worker->name, name, sizeof(worker->name));
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	require(pthread_create(&worker->thread, NULL, work, worker) == 0);
	/* Until it has its name. */
	worker->burn_ms = 1;
	pthread_mutex_lock(&worker->lock);
	while (worker->burn_ms > 0) {
		pthread_cond_broadcast(&worker->changed);
		pthread_cond_wait(&worker->changed, &worker->lock);
	}
	pthread_mutex_unlock(&worker->lock);
	return *n_workers;
}

static uint64_t burn_in(unsigned thread, unsigned ms)
{
	struct worker *worker = &workers[thread];

	if (thread == 0)
		return burn(ms);
	pthread_mutex_lock(&worker->lock);
	worker->burn_ms = ms;
	pthread_cond_broadcast(&worker->changed);
	while (worker->burn_ms > 0)
		pthread_cond_wait(&worker->changed, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
	return worker->used_ns;
}

static void *burst(void *argument)
{
	*(uint64_t *)argument = burn((unsigned)*(uint64_t *)argument);
	return NULL;
}

static uint64_t run_burst(unsigned ms)
{
	uint64_t argument = ms;
	pthread_t thread;

	require(pthread_create(&thread, NULL, burst, &argument) == 0);
	pthread_join(thread, NULL);
	return argument;
}

static uint64_t set_tick(unsigned ms, unsigned n_workers)
{
	atomic_store(&tick_ms, ms);
	for (unsigned i = 1; i <= n_workers; i++) {
		pthread_mutex_lock(&workers[i].lock);
		pthread_cond_broadcast(&workers[i].changed);
		pthread_mutex_unlock(&workers[i].lock);
	}
	return 0;
}

void fake_qemu_main(int argc, char **argv)
{
	struct request request;
	unsigned n_workers = 0;

	if (argc < 1 || strcmp(argv[0], NAME) != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(CONTROL_FD, &request, sizeof(request)) == sizeof(request)) {
		uint64_t answer;

		if (request.verb == START)
			answer = start_worker(&n_workers, request.name);
		else if (request.verb == BURN)
			answer = burn_in(request.thread, request.ms);
		else if (request.verb == BURST)
			answer = run_burst(request.ms);
		else
			answer = set_tick(request.ms, n_workers);
		require(write(CONTROL_FD, &answer, sizeof(answer)) == sizeof(answer));
	}
	_exit(0);
}

static uint64_t ask(struct fake_qemu *qemu, const struct request *request)
{
	uint64_t answer;

	require(write(qemu->control, request, sizeof(*request)) == sizeof(*request));
	require(read(qemu->control, &answer, sizeof(answer)) == sizeof(answer));
	return answer;
}

void fake_qemu_start(struct fake_qemu *qemu, const char *uuid)
{
	int pair[2];

	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	qemu->control = pair[0];
	qemu->pid = fork();
	require(qemu->pid >= 0);
	if (qemu->pid == 0) {
		if (pair[1] == CONTROL_FD)
			pair[1] = dup(pair[1]);
		dup2(pair[1], CONTROL_FD);
		execl("/proc/self/exe", NAME, "-name", "guest=fake,debug-threads=on",
			"-uuid", uuid, "-S", NULL);
		_exit(127);
	}
	close(pair[1]);
	fake_qemu_tick(qemu, 0);
}

void fake_qemu_kill(struct fake_qemu *qemu)
{
	kill(qemu->pid, SIGKILL);
	waitpid(qemu->pid, NULL, 0);
	close(qemu->control);
}

unsigned fake_qemu_start_thread(struct fake_qemu *qemu, const char *name)
{
	struct request request = { .verb = START };

	strncpy(request.name, name, sizeof(request.name) - 1);
	return (unsigned)ask(qemu, &request);
}

uint64_t fake_qemu_burn(struct fake_qemu *qemu, unsigned thread, unsigned cpu_ms)
{
	const struct request request = { .verb = BURN, .thread = thread, .ms = cpu_ms };

	return ask(qemu, &request);
}

uint64_t fake_qemu_burst(struct fake_qemu *qemu, unsigned cpu_ms)
{
	const struct request request = { .verb = BURST, .ms = cpu_ms };

	return ask(qemu, &request);
}

void fake_qemu_tick(struct fake_qemu *qemu, unsigned period_ms)
{
	const struct request request = { .verb = TICK, .ms = period_ms };

	(void)ask(qemu, &request);
}
