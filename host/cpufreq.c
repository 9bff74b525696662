/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The frequency of busy CPUs. */
#include "host/cpufreq.h"

#include <errno.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/poller.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* A CPU that has no such file is looked at again after this time. */
#define RETRY_NS (60u * (uint64_t)NSEC_PER_SEC)

enum {
	FD_CLOSED = -1,
	FD_MISSING = -2,
};

struct cpufreq_cpu {
	bool busy;
	uint64_t busy_ns; /* as of the last sample */
	/* Readings since then, or, with n 0, the last one before. */
	uint64_t sum_khz;
	uint32_t n, last_khz;
};

struct cpufreq {
	const char *sysfs;
	struct poller *poller;
	/* The thread's: kept open where this is sysfs, see host/powercap.c. */
	size_t n_fds;
	int *fds;
	uint64_t retry_ns;
	/* The sampler's. */
	uint64_t boottime_ns;
	pthread_mutex_t lock;
	/* Under the lock: */
	size_t n_cpus;
	struct cpufreq_cpu *cpus;
};

int cpufreq_new(const char *sysfs, struct cpufreq **ret_cpufreq)
{
	struct cpufreq *cpufreq = calloc(1, sizeof(*cpufreq));

	if (!cpufreq)
		return -ENOMEM;
	cpufreq->sysfs = sysfs;
	pthread_mutex_init(&cpufreq->lock, NULL);
	*ret_cpufreq = cpufreq;
	return 0;
}

void cpufreq_free(struct cpufreq *cpufreq)
{
	if (!cpufreq || !poller_stop(cpufreq->poller))
		return;
	for (size_t i = 0; i < cpufreq->n_fds; i++) {
		if (cpufreq->fds[i] >= 0)
			close(cpufreq->fds[i]);
	}
	pthread_mutex_destroy(&cpufreq->lock);
	free(cpufreq->fds);
	free(cpufreq->cpus);
	free(cpufreq);
}

static void poll_now(void *data)
{
	cpufreq_poll(data);
}

int cpufreq_start(struct cpufreq *cpufreq)
{
	return poller_start(
		"cpufreq", CPUFREQ_PERIOD_MS, poll_now, cpufreq, &cpufreq->poller);
}

static int reserve_fds(struct cpufreq *cpufreq, size_t n)
{
	if (n <= cpufreq->n_fds)
		return 0;
	if (array_resize(&cpufreq->fds, n) < 0)
		return -ENOMEM;
	for (size_t i = cpufreq->n_fds; i < n; i++)
		cpufreq->fds[i] = FD_CLOSED;
	cpufreq->n_fds = n;
	return 0;
}

/* Of sysfs the fd is kept; of a tree of regular files it would show what was. */
static int open_cpu(struct cpufreq *cpufreq, size_t cpu, bool *ret_keep)
{
	struct statfs fs;
	int fd = rooted_open(cpufreq->sysfs,
		"devices/system/cpu/cpu%zu/cpufreq/scaling_cur_freq", cpu);

	if (fd >= 0)
		*ret_keep = fstatfs(fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC;
	return fd;
}

/* 0: not known. */
static uint32_t read_cpu(struct cpufreq *cpufreq, size_t cpu)
{
	cleanup_close int opened = -1;
	int fd = cpufreq->fds[cpu];
	bool keep = true;
	char text[32];
	uint64_t khz;
	ssize_t n;

	if (fd == FD_MISSING)
		return 0;
	if (fd == FD_CLOSED)
		fd = opened = open_cpu(cpufreq, cpu, &keep);
	n = fd < 0 ? fd : rooted_reread(fd, text, sizeof(text));
	if (n < 0) {
		/* The CPU went offline, or has none. */
		if (cpufreq->fds[cpu] >= 0)
			close(cpufreq->fds[cpu]);
		cpufreq->fds[cpu] = FD_MISSING;
		return 0;
	}
	if (opened >= 0 && keep)
		cpufreq->fds[cpu] = steal_fd(&opened);
	if (number_parse_u64(text, (size_t)n, &khz) < 0 || khz > UINT32_MAX)
		return 0;
	return (uint32_t)khz;
}

static void look_again(struct cpufreq *cpufreq)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (now_ns < cpufreq->retry_ns)
		return;
	cpufreq->retry_ns = now_ns + RETRY_NS;
	for (size_t i = 0; i < cpufreq->n_fds; i++) {
		if (cpufreq->fds[i] == FD_MISSING)
			cpufreq->fds[i] = FD_CLOSED;
	}
}

/* false: there are not so many CPUs. */
static bool is_busy(struct cpufreq *cpufreq, size_t cpu, bool *ret_busy)
{
	bool exists;

	pthread_mutex_lock(&cpufreq->lock);
	exists = cpu < cpufreq->n_cpus;
	*ret_busy = exists && cpufreq->cpus[cpu].busy;
	pthread_mutex_unlock(&cpufreq->lock);
	return exists;
}

static void put(struct cpufreq *cpufreq, size_t cpu, uint32_t khz)
{
	pthread_mutex_lock(&cpufreq->lock);
	if (cpu < cpufreq->n_cpus) {
		struct cpufreq_cpu *at = &cpufreq->cpus[cpu];

		at->last_khz = khz;
		at->sum_khz += khz;
		at->n += khz > 0;
	}
	pthread_mutex_unlock(&cpufreq->lock);
}

void cpufreq_poll(struct cpufreq *cpufreq)
{
	bool busy;

	look_again(cpufreq);
	for (size_t cpu = 0; is_busy(cpufreq, cpu, &busy); cpu++) {
		if (busy && reserve_fds(cpufreq, cpu + 1) == 0)
			put(cpufreq, cpu, read_cpu(cpufreq, cpu));
	}
}

static int resize(struct cpufreq *cpufreq, size_t n)
{
	if (n > cpufreq->n_cpus) {
		if (array_resize(&cpufreq->cpus, n) < 0)
			return -ENOMEM;
		memset(cpufreq->cpus + cpufreq->n_cpus, 0,
			(n - cpufreq->n_cpus) * sizeof(*cpufreq->cpus));
	}
	cpufreq->n_cpus = n;
	return 0;
}

/* Returns what is known of it, and begins anew. */
static uint32_t take(struct cpufreq_cpu *cpu, uint64_t busy_ns, uint64_t dt_ns)
{
	uint32_t khz = cpu->n > 0 ? (uint32_t)(cpu->sum_khz / cpu->n) : cpu->last_khz;
	uint64_t delta_ns = busy_ns > cpu->busy_ns ? busy_ns - cpu->busy_ns : 0;

	cpu->busy_ns = busy_ns;
	cpu->sum_khz = 0;
	cpu->n = 0;
	cpu->busy = delta_ns > dt_ns / CPUFREQ_BUSY_PART;
	if (!cpu->busy)
		cpu->last_khz = 0;
	return cpu->busy ? khz : 0;
}

void cpufreq_fill(struct cpufreq *cpufreq, struct sample *sample)
{
	uint64_t dt_ns = sample->boottime_ns - cpufreq->boottime_ns;

	pthread_mutex_lock(&cpufreq->lock);
	if (resize(cpufreq, sample->n_cpus) == 0) {
		for (size_t i = 0; i < sample->n_cpus; i++)
			sample->cpus[i].khz = take(
				&cpufreq->cpus[i], sample->cpus[i].busy_ns, dt_ns);
	}
	pthread_mutex_unlock(&cpufreq->lock);
	cpufreq->boottime_ns = sample->boottime_ns;
}
