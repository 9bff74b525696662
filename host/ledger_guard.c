/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* SIGBUS, turned into a return value. */
#include "host/ledger_guard.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

struct guard {
	sigjmp_buf jump;
	uintptr_t begin, end;
};

/* A signal's handler has nothing else to know it by; of this thread, while it runs. */
static _Thread_local struct guard *current;

static void take_fault(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;

	(void)context;
	if (current && address >= current->begin && address < current->end)
		siglongjmp(current->jump, 1);
	/* Not ours: it faults once more, and then that is the end. */
	signal(number, SIG_DFL);
}

int ledger_guard_run(const void *map, size_t size, void (*run)(void *data), void *data)
{
	struct guard guard = { .begin = (uintptr_t)map, .end = (uintptr_t)map + size };
	struct sigaction action = { .sa_sigaction = take_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction before;
	volatile int r = 0;

	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, &before);
	current = &guard;
	if (sigsetjmp(guard.jump, 0) == 0)
		run(data);
	else
		r = -EIO;
	current = NULL;
	sigaction(SIGBUS, &before, NULL);
	return r;
}
