/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* CPU time between two samples of a simulated host. */
#include "tests/bench/accuracy/cputime.h"

#include <string.h>

static const struct sample_thread *find_thread(const struct sample *sample,
	const struct sample_domain *domain, const struct sample_thread *thread)
{
	const struct sample_thread *threads;

	if (!domain)
		return NULL;
	threads = &sample->threads[domain->first_thread];
	for (size_t i = 0; i < domain->n_threads; i++)
		if (threads[i].tid == thread->tid)
			return &threads[i];
	return NULL;
}

static void add_domain(struct cputime *time, const struct run *run, unsigned player,
	const struct sample *before, const struct sample *now)
{
	const struct uuid *uuid = &run->load.players[player].uuid;
	const struct sample_domain *domain = sample_find_domain(now, uuid);
	const struct sample_domain *was = sample_find_domain(before, uuid);

	if (!domain)
		return;
	for (size_t i = 0; i < domain->n_threads; i++) {
		const struct sample_thread *thread =
			&now->threads[domain->first_thread + i];
		const struct sample_thread *old = find_thread(before, was, thread);
		double s = (double)(thread->cpu_ns - (old ? old->cpu_ns : 0)) / 1e9;
		unsigned to = rig_package_of(&run->rig, thread->last_cpu);
		unsigned from = old ? rig_package_of(&run->rig, old->last_cpu) : to;

		time->player_s[player][to] += s / 2;
		time->player_s[player][from] += s / 2;
		if (thread->tid == domain->pid) {
			time->main_s[player][to] += s / 2;
			time->main_s[player][from] += s / 2;
		}
	}
}

void cputime_compute(struct cputime *time, const struct run *run,
	const struct sample *before, const struct sample *now)
{
	double dt_s = (double)(now->boottime_ns - before->boottime_ns) / 1e9;
	unsigned host = run->load.n_domains;
	double *host_s;

	memset(time, 0, sizeof(*time));
	time->n_players = host + 1;
	time->n_packages = run->rig.n_packages;
	host_s = time->player_s[host];
	for (unsigned i = 0; i < now->n_cpus; i++) {
		uint64_t busy_ns = now->cpus[i].busy_ns - before->cpus[i].busy_ns;

		time->capacity_s[rig_package_of(&run->rig, i)] += dt_s;
		host_s[rig_package_of(&run->rig, i)] += (double)busy_ns / 1e9;
	}
	for (unsigned i = 0; i < host; i++)
		add_domain(time, run, i, before, now);
	for (unsigned p = 0; p < time->n_packages; p++) {
		for (unsigned i = 0; i < host; i++) {
			time->used_s[p] += time->player_s[i][p];
			host_s[p] -= time->player_s[i][p];
		}
		if (host_s[p] < 0)
			host_s[p] = 0;
		time->used_s[p] += host_s[p];
	}
}
