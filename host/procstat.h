/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Busy time of each CPU, from PROCFS/stat (proc(5)): user, nice, system, irq and
 * softirq. user already has guest in it; iowait and steal are not work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/sample.h"

/*
 * Sets busy_ns of the CPUs that text has (the online ones), and 0 for the others;
 * tick_ns is 10^9 / USER_HZ. A line that the end of text cuts is left out, one of
 * a CPU over n_cpus too. Returns how many were set; -EBADMSG: not such a file.
 */
int procstat_parse(const char *text, size_t len, uint64_t tick_ns,
	struct sample_cpu *cpus, size_t n_cpus);

struct procstat {
	const char *procfs;
	uint64_t tick_ns;
	int fd;	    /* -1: opened at each read, where PROCFS is not procfs */
	char *text; /* owned; room for what was read last */
	size_t size;
};

/* procfs must outlive it. -errno. */
int procstat_open(struct procstat *procstat, const char *procfs);
void procstat_close(struct procstat *procstat);

/* Fills sample's CPUs, n_cpus of them. As procstat_parse(), and -errno. */
int procstat_read(struct procstat *procstat, struct sample *sample, size_t n_cpus);
