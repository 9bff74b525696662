/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The CPU time of one process, thread by thread, and of its threads that ended.
 * Whose process it is, and why it counts, is host/domain_cpu.h's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "host/sample.h"

#define PROCESS_COMM_SIZE 16

/* How processes are read on this host; must outlive them. */
struct process_config {
	const char *procfs;
	/*
	 * PROCFS is a procfs: its fds can be kept and read again, and go on meaning the
	 * same process or thread. Else (a copy of one) files are opened at each read.
	 */
	bool keep_fds;
	/* PROCFS tells this process's own pid namespace: clocks of pids can be used. */
	bool own_pids;
	/* Threads' fds from this number on are not kept. */
	int max_fd;
};

struct process_thread {
	struct sample_thread sample;
	int schedstat_fd; /* -1: opened at each read */
	int stat_fd;
	uint64_t ran; /* n_reads when it was last found to have run */
	char comm[PROCESS_COMM_SIZE];
};

struct process {
	const struct process_config *config;
	pid_t pid;
	uint64_t start_ticks;
	int directory; /* PROCFS/PID; stays with this very process */
	bool kernel_thread;
	/*
	 * The kernel counts no thread's time. The first thread then has all of the
	 * process's, from its clock, or 0 without one; the others have 0.
	 */
	bool blind;
	bool scan_due;
	bool has_clock;
	clockid_t clock;
	nlink_t task_links; /* of the task directory, changes with its threads */
	uint64_t n_reads;   /* that found something to have run */
	/* In the order of their tids; all are as of the last read. */
	size_t n_threads;
	struct process_thread *threads;
	/* Of threads that ended, as far as is certain; never decreases. */
	uint64_t exited_ns;
	/* All it used, threads that ended included, as of the last good read. */
	uint64_t cpu_ns;
};

/* Opens it, without reading. -ENOENT or -ESRCH: no such process; -errno. */
int process_open(
	const struct process_config *config, pid_t pid, struct process *ret_process);
void process_close(struct process *process);

/* Its threads are looked for at the next read. */
void process_rescan(struct process *process);

/*
 * Reads all threads that ran. Looks for new ones where it may have some. -ESRCH: it
 * ended; cpu_ns stays. -ENOMEM.
 */
int process_read(struct process *process);
