/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Who keeps this host busy: its processes and the CPU time they use, for people. How
 * domains are measured is host/cpu_source.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "host/snapshot.h"
#include "host/task.h"

struct load_process {
	pid_t pid;
	uint64_t start_ticks; /* tells a reused pid */
	uint64_t cpu_ticks;   /* of all its threads, so far */
	char comm[TASK_COMM_SIZE];
};

/* All processes of PROCFS at one moment, in the order of their pids. Zeroed: none. */
struct load {
	uint64_t now_ns; /* CLOCK_BOOTTIME */
	size_t n, size;
	struct load_process *processes;
};

/* Looks at all of them anew. What may not be seen is left out. -errno of PROCFS. */
int load_read(struct load *load, const char *procfs);
void load_deinit(struct load *load);

/* One that was busy between two looks, in percent of a hardware thread. */
struct load_share {
	const struct load_process *process; /* of the later look */
	double percent;
};

/* Those that used most, at most n, most first; returns how many used anything. */
size_t load_compare(const struct load *before, const struct load *now,
	struct load_share *ret_shares, size_t n);

/*
 * Prints a line for each of them: a domain of the snapshot by its name, others by
 * theirs and their pid.
 */
void load_print(FILE *out, const char *procfs, const struct snapshot *snapshot,
	const struct load_share *shares, size_t n);
