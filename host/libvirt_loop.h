/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * libvirt's event loop, of which a process has one, with timers and with a way to end
 * it: a thread runs it, and another one stops it, or it leaves by itself.
 */
#pragma once

#include <libvirt/libvirt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define LIBVIRT_LOOP_TIMERS_MAX 4

struct libvirt_loop {
	int stop_fd;  /* readable: the thread is to end */
	int ended_fd; /* readable: it did */
	atomic_bool stop;
	int stop_watch;
	int timers[LIBVIRT_LOOP_TIMERS_MAX];
};

/* Closed. */
void libvirt_loop_init(struct libvirt_loop *loop);

/*
 * A timer for each function, which is called with data; the first one is due at once,
 * the others are off. libvirt is initialized with the first loop. After an error the
 * loop is to be closed, too. -EMFILE, -ENOMEM.
 */
int libvirt_loop_open(struct libvirt_loop *loop, const virEventTimeoutCallback *functions,
	size_t n_functions, void *data);

/* Not while a thread runs it. A loop that was not opened is fine. */
void libvirt_loop_close(struct libvirt_loop *loop);

/* In so many ms; -1: off. */
void libvirt_loop_set_timer(struct libvirt_loop *loop, size_t timer, int ms);

/* Until it is stopped. -EIO: libvirt's last error says why. */
int libvirt_loop_run(struct libvirt_loop *loop);

/* From within: this round is the last. */
void libvirt_loop_leave(struct libvirt_loop *loop);

/* The thread's last word. */
void libvirt_loop_end(struct libvirt_loop *loop);

/* Waits so long for the last word; false: it did not come. */
bool libvirt_loop_stop(struct libvirt_loop *loop, int wait_ms);
