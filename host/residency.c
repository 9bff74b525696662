/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* On which nodes the memory of domains is, read now and then. */
#include "host/residency.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/poller.h"
#include "host/process_memory.h"
#include "host/thread.h"
#include "shared/clock.h"

/* All that are due again are read within about this many rounds. */
#define SPREAD_ROUNDS 30

/* The process of a domain. */
struct target {
	struct uuid uuid;
	pid_t pid;
	uint64_t start_ticks;
	uint64_t next_ns; /* when it is due */
	bool looked_at;	  /* once at least */
};

/* What the sampler and the thread share. */
struct targets {
	size_t n, n_nodes;
	struct target *list; /* in the order of their UUIDs */
	uint64_t *kib;	     /* [target * n_nodes + node] */
};

struct residency {
	struct poller *poller;
	/* The thread's. */
	struct process_memory_config config;
	uint64_t next_mounts_ns;
	pthread_mutex_t lock;
	pthread_cond_t cond; /* all targets were looked at */
	/* Under the lock: */
	struct targets targets;
	size_t next; /* the target that a round looks at first */
	int only_node;
	/* What the thread reads, and since when it is in this round; pid 0: none. */
	pid_t reading;
	uint64_t round_ns;
};

int residency_new(const char *procfs, struct residency **ret_residency)
{
	struct residency *residency = calloc(1, sizeof(*residency));

	if (!residency)
		return -ENOMEM;
	residency->config.procfs = procfs;
	pthread_mutex_init(&residency->lock, NULL);
	thread_init_cond(&residency->cond);
	*ret_residency = residency;
	return 0;
}

static void targets_deinit(struct targets *targets)
{
	free(targets->list);
	free(targets->kib);
}

void residency_free(struct residency *residency)
{
	if (!residency || !poller_stop(residency->poller))
		return;
	pthread_cond_destroy(&residency->cond);
	pthread_mutex_destroy(&residency->lock);
	cgroup_mounts_deinit(&residency->config.mounts);
	targets_deinit(&residency->targets);
	free(residency);
}

static void poll_now(void *data)
{
	residency_poll(data, clock_monotonic_ns());
}

int residency_start(struct residency *residency)
{
	return poller_start("residency", RESIDENCY_PERIOD_MS, poll_now, residency,
		&residency->poller);
}

static bool is_process(const struct target *target, pid_t pid, uint64_t start_ticks)
{
	return target->pid == pid && target->start_ticks == start_ticks;
}

/*
 * The next one that is due, which it then no longer is. Rounds go on where the last one
 * ended: on a slow host, too, all have their turn.
 */
static bool take_due(
	struct residency *residency, uint64_t monotonic_ns, struct target *ret_target)
{
	struct targets *targets = &residency->targets;
	bool found = false;

	pthread_mutex_lock(&residency->lock);
	residency->config.only_node = residency->only_node;
	for (size_t seen = 0; seen < targets->n && !found; seen++) {
		struct target *target = &targets->list[residency->next++ % targets->n];

		residency->next %= targets->n;
		if (monotonic_ns < target->next_ns)
			continue;
		target->next_ns = monotonic_ns + RESIDENCY_REFRESH_NS;
		*ret_target = *target;
		found = true;
	}
	residency->reading = found ? ret_target->pid : 0;
	residency->round_ns = monotonic_ns;
	pthread_mutex_unlock(&residency->lock);
	return found;
}

static void end_round(struct residency *residency)
{
	pthread_mutex_lock(&residency->lock);
	residency->reading = 0;
	pthread_mutex_unlock(&residency->lock);
}

/* Under the lock. */
static size_t count_new(const struct targets *targets)
{
	size_t n = 0;

	for (size_t i = 0; i < targets->n; i++)
		n += !targets->list[i].looked_at;
	return n;
}

/*
 * What was read of a process, unless it is gone meanwhile. NULL: it could not be read,
 * and its memory is where it was.
 */
static void put(
	struct residency *residency, const struct target *read, const uint64_t *kib)
{
	struct targets *targets = &residency->targets;

	pthread_mutex_lock(&residency->lock);
	for (size_t i = 0; i < targets->n; i++) {
		if (!is_process(&targets->list[i], read->pid, read->start_ticks))
			continue;
		targets->list[i].looked_at = true;
		if (kib)
			memcpy(&targets->kib[i * targets->n_nodes], kib,
				targets->n_nodes * sizeof(*kib));
	}
	if (count_new(targets) == 0)
		pthread_cond_broadcast(&residency->cond);
	pthread_mutex_unlock(&residency->lock);
}

/* How many a round reads. */
static size_t count_round(struct residency *residency)
{
	size_t n;

	pthread_mutex_lock(&residency->lock);
	n = count_new(&residency->targets) + residency->targets.n / SPREAD_ROUNDS + 1;
	pthread_mutex_unlock(&residency->lock);
	return n;
}

void residency_poll(struct residency *residency, uint64_t monotonic_ns)
{
	size_t left = count_round(residency);
	struct target target;

	if (monotonic_ns >= residency->next_mounts_ns) {
		residency->next_mounts_ns = monotonic_ns + RESIDENCY_REFRESH_NS;
		(void)cgroup_mounts_read(
			residency->config.procfs, &residency->config.mounts);
	}
	for (; left > 0 && take_due(residency, monotonic_ns, &target); left--) {
		uint64_t kib[MACHINE_NODES_MAX] = { 0 };
		int r = process_memory_read(
			&residency->config, target.pid, target.start_ticks, kib);

		put(residency, &target, r == 0 || r == -ESRCH ? kib : NULL);
	}
	end_round(residency);
}

bool residency_wait(struct residency *residency, uint32_t ms)
{
	struct timespec until = thread_in_ms(ms);
	bool all;

	if (!residency->poller)
		return false;
	poller_wake(residency->poller);
	pthread_mutex_lock(&residency->lock);
	while (!(all = count_new(&residency->targets) == 0) &&
		pthread_cond_timedwait(&residency->cond, &residency->lock, &until) == 0)
		;
	pthread_mutex_unlock(&residency->lock);
	return all;
}

pid_t residency_stuck_pid(struct residency *residency, uint64_t monotonic_ns)
{
	pid_t pid = 0;

	pthread_mutex_lock(&residency->lock);
	if (residency->reading > 0 && monotonic_ns > residency->round_ns &&
		monotonic_ns - residency->round_ns > RESIDENCY_STUCK_NS)
		pid = residency->reading;
	pthread_mutex_unlock(&residency->lock);
	return pid;
}

/* The only node that has memory or CPUs, or -1. */
static int find_only_node(const struct machine *machine)
{
	int only = -1;

	for (size_t n = 0; n < machine->n_nodes; n++) {
		if (machine->node_memory_kib[n] == 0)
			continue;
		if (only >= 0)
			return -1;
		only = (int)n;
	}
	for (size_t i = 0; i < machine->n_cpus; i++) {
		int node = machine->cpus[i].node;

		if (!machine->cpus[i].online || node == only)
			continue;
		if (only >= 0 || node >= MACHINE_NODES_MAX)
			return -1;
		only = node;
	}
	return only;
}

static bool same_targets(
	const struct targets *targets, const struct sample *sample, size_t n_nodes)
{
	if (targets->n != sample->n_domains || targets->n_nodes != n_nodes)
		return false;
	for (size_t i = 0; i < targets->n; i++) {
		if (!is_process(&targets->list[i], sample->domains[i].pid,
			    sample->domains[i].start_ticks))
			return false;
	}
	return true;
}

/* The targets of this sample, with what is known of those that were there before. */
static int renew(struct targets *targets, const struct sample *sample, size_t n_nodes)
{
	size_t n = sample->n_domains, before = 0;
	struct targets renewed = {
		.n = n,
		.n_nodes = n_nodes,
		.list = calloc(n > 0 ? n : 1, sizeof(*renewed.list)),
		.kib = calloc(n > 0 ? n * n_nodes : 1, sizeof(*renewed.kib)),
	};

	if (!renewed.list || !renewed.kib) {
		targets_deinit(&renewed);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct sample_domain *domain = &sample->domains[i];
		const struct target *known;

		renewed.list[i] = (struct target){ .uuid = domain->uuid,
			.pid = domain->pid,
			.start_ticks = domain->start_ticks };
		while (before < targets->n &&
			uuid_compare(&targets->list[before].uuid, &domain->uuid) < 0)
			before++;
		if (before == targets->n || targets->n_nodes != n_nodes)
			continue;
		known = &targets->list[before];
		if (!is_process(known, domain->pid, domain->start_ticks))
			continue;
		renewed.list[i] = *known;
		memcpy(&renewed.kib[i * n_nodes], &targets->kib[before * n_nodes],
			n_nodes * sizeof(*renewed.kib));
	}
	targets_deinit(targets);
	*targets = renewed;
	return 0;
}

int residency_fill(
	struct residency *residency, const struct machine *machine, struct sample *sample)
{
	struct targets *targets = &residency->targets;
	size_t n_nodes = machine->n_nodes > 0 ? machine->n_nodes : 1;
	int r = sample_reserve_nodes(sample, n_nodes);

	if (r < 0)
		return r;
	pthread_mutex_lock(&residency->lock);
	residency->only_node = find_only_node(machine);
	if (!same_targets(targets, sample, n_nodes))
		r = renew(targets, sample, n_nodes);
	if (r == 0 && sample->n_domains > 0)
		memcpy(sample->resident_kib, targets->kib,
			sample->n_domains * n_nodes * sizeof(*targets->kib));
	else
		sample->n_nodes = 0;
	pthread_mutex_unlock(&residency->lock);
	return r;
}
