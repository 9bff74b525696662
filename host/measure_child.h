/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The COMMAND that vmpower measure runs, and the signals that come meanwhile: they wait
 * in a descriptor, so that they end a wait and nothing else, and are handed on to the
 * COMMAND. What ends a measurement is the caller's.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* As a shell has it: found, but not to be executed; not found. */
#define MEASURE_EXIT_NO_EXEC 126
#define MEASURE_EXIT_NO_FILE 127
/* And a signal ends with this and its number. */
#define MEASURE_EXIT_SIGNAL 128

struct measure_child {
	int signal_fd;
	sigset_t before;    /* what was blocked, and is for the COMMAND */
	pid_t pid;	    /* 0: none runs */
	int signal;	    /* the first that came; 0: none */
	uint64_t signal_ns; /* CLOCK_MONOTONIC when it was seen */
	uint64_t end_ns;    /* CLOCK_BOOTTIME when the last one was seen to have ended */
	int exit_status;    /* and how */
};

/* From now on signals wait. -errno. */
int measure_child_init(struct measure_child *child);
/* As before; a COMMAND that runs is left alone. */
void measure_child_deinit(struct measure_child *child);

/* Runs it, found in PATH. -errno: it was not. */
int measure_child_start(struct measure_child *child, char *const *argv);

enum measure_event {
	MEASURE_NOTHING, /* the time is over */
	MEASURE_ENDED_CHILD,
	MEASURE_SIGNAL, /* one to end by */
};

/*
 * Waits for so long at most. A signal that somebody sent to this process alone is sent
 * on; one from the terminal the COMMAND had, too.
 */
enum measure_event measure_child_wait(struct measure_child *child, uint64_t wait_ns);
