/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Threads that are virtual CPUs, out of a domain's threads. */
#include "host/vcpu_times.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct snapshot_vcpu *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int32_t package_of(const struct machine *machine, uint16_t cpu)
{
	if (cpu >= machine->n_cpus || !machine->cpus[cpu].online ||
		machine->cpus[cpu].package >= machine->n_packages)
		return -1;
	return machine->packages[machine->cpus[cpu].package].physical_id;
}

int vcpu_times_fill(struct snapshot *snapshot, struct snapshot_domain *domain,
	const struct machine *machine, const struct sample *sample,
	const struct usage *usage, size_t index)
{
	const struct sample_domain *from = &sample->domains[index];
	size_t end = (size_t)from->first_thread + from->n_threads, n = 0;

	for (size_t i = from->first_thread; i < end; i++)
		n += sample->threads[i].kind == SAMPLE_THREAD_VCPU;
	domain->vcpu_times = snapshot_alloc(snapshot, n, sizeof(*domain->vcpu_times));
	if (!domain->vcpu_times)
		return -ENOMEM;
	for (size_t i = from->first_thread; i < end; i++) {
		const struct sample_thread *thread = &sample->threads[i];

		if (thread->kind != SAMPLE_THREAD_VCPU)
			continue;
		domain->vcpu_times[domain->n_vcpu_times++] = (struct snapshot_vcpu){
			.number = thread->index,
			.cpu = thread->last_cpu,
			.package = package_of(machine, thread->last_cpu),
			.cpu_ns = usage ? usage->threads[i].cpu_ns : 0,
		};
	}
	/* Threads are in the order of their tids, which is most often that of the vCPUs.
	 */
	qsort(domain->vcpu_times, n, sizeof(*domain->vcpu_times), compare);
	return 0;
}
