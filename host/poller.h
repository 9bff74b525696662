/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A thread for reads of kernel files that may block: it calls a function every so
 * often, so that no tick has to. What they share, and its lock, is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct poller;

/*
 * Calls poll(data) at once and then with pauses of period_ms. The name is the
 * thread's, at most 15 bytes. -ENOMEM, -EAGAIN.
 */
int poller_start(const char *name, uint32_t period_ms, void (*poll)(void *data),
	void *data, struct poller **ret_poller);

/* Has it called as soon as it can be, without the rest of a pause. */
void poller_wake(struct poller *poller);

/*
 * Ends the thread and frees the poller. false: it hangs in the kernel, for over 2 s;
 * then data must stay for good. NULL is fine.
 */
bool poller_stop(struct poller *poller);
