/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Timers and the end of libvirt's event loop. */
#include "config.h"

#include "host/libvirt_loop.h"

#include <assert.h>
#include <errno.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "shared/cleanup.h"

static void ignore_error(void *data, virErrorPtr error)
{
	/* libvirt would print it to stderr; whoever called it logs it. */
	(void)data;
	(void)error;
}

static void initialize_libvirt(void)
{
	(void)virInitialize();
	virSetErrorFunc(NULL, ignore_error);
	(void)virEventRegisterDefaultImpl();
}

void libvirt_loop_init(struct libvirt_loop *loop)
{
	loop->stop_fd = loop->ended_fd = -1;
	atomic_init(&loop->stop, false);
	loop->stop_watch = -1;
	for (size_t i = 0; i < LIBVIRT_LOOP_TIMERS_MAX; i++)
		loop->timers[i] = -1;
}

static void on_stop(int watch, int fd, int events, void *data)
{
	(void)watch;
	(void)fd;
	(void)events;
	/* Readable for good: only there to end the wait. */
	assert(atomic_load(&((struct libvirt_loop *)data)->stop));
}

int libvirt_loop_open(struct libvirt_loop *loop, const virEventTimeoutCallback *functions,
	size_t n_functions, void *data)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	assert(n_functions <= LIBVIRT_LOOP_TIMERS_MAX);
	loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->stop_fd < 0 || loop->ended_fd < 0)
		return -EMFILE;
	pthread_once(&once, initialize_libvirt);
	loop->stop_watch = virEventAddHandle(
		loop->stop_fd, VIR_EVENT_HANDLE_READABLE, on_stop, loop, NULL);
	if (loop->stop_watch < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n_functions; i++) {
		loop->timers[i] = virEventAddTimeout(
			i == 0 ? 0 : -1, functions[i], data, NULL);
		if (loop->timers[i] < 0)
			return -ENOMEM;
	}
	return 0;
}

void libvirt_loop_close(struct libvirt_loop *loop)
{
	bool any = loop->stop_watch >= 0;

	if (any)
		virEventRemoveHandle(loop->stop_watch);
	for (size_t i = 0; i < LIBVIRT_LOOP_TIMERS_MAX; i++) {
		if (loop->timers[i] >= 0)
			virEventRemoveTimeout(loop->timers[i]);
	}
	/* What is removed is freed in the next round. */
	if (any)
		virEventRunDefaultImpl();
	cleanup_closep(&loop->stop_fd);
	cleanup_closep(&loop->ended_fd);
	libvirt_loop_init(loop);
}

void libvirt_loop_set_timer(struct libvirt_loop *loop, size_t timer, int ms)
{
	virEventUpdateTimeout(loop->timers[timer], ms);
}

int libvirt_loop_run(struct libvirt_loop *loop)
{
	while (!atomic_load(&loop->stop)) {
		if (virEventRunDefaultImpl() < 0)
			return -EIO;
	}
	return 0;
}

void libvirt_loop_leave(struct libvirt_loop *loop)
{
	atomic_store(&loop->stop, true);
}

void libvirt_loop_end(struct libvirt_loop *loop)
{
	(void)eventfd_write(loop->ended_fd, 1);
}

bool libvirt_loop_stop(struct libvirt_loop *loop, int wait_ms)
{
	struct pollfd ended = { .fd = loop->ended_fd, .events = POLLIN };
	int n;

	atomic_store(&loop->stop, true);
	(void)eventfd_write(loop->stop_fd, 1);
	do
		n = poll(&ended, 1, wait_ms);
	while (n < 0 && errno == EINTR);
	return n == 1;
}
