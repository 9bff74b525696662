/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Telling a QEMU from the next by its threads. */
#include "host/trace_incarnation.h"

/* Whether any thread was there before: both are in the order of the tids. */
static bool shares_thread(const struct sample *sample, const struct sample_domain *domain,
	const struct sample *before, const struct sample_domain *other)
{
	size_t i = 0, j = 0;

	while (i < domain->n_threads && j < other->n_threads) {
		const struct sample_thread *a =
			&sample->threads[domain->first_thread + i];
		const struct sample_thread *b = &before->threads[other->first_thread + j];

		if (a->tid == b->tid && a->start_ticks == b->start_ticks)
			return true;
		i += a->tid <= b->tid;
		j += b->tid <= a->tid;
	}
	return domain->n_threads == 0 || other->n_threads == 0;
}

/* The one that says when QEMU started: the oldest vCPU, or else the oldest of all. */
static const struct sample_thread *first_thread(
	const struct sample *sample, const struct sample_domain *domain)
{
	const struct sample_thread *first = NULL;

	for (size_t i = 0; i < domain->n_threads; i++) {
		const struct sample_thread *thread =
			&sample->threads[domain->first_thread + i];
		bool is_vcpu = thread->kind == SAMPLE_THREAD_VCPU;
		bool has_vcpu = first && first->kind == SAMPLE_THREAD_VCPU;

		if (!first || (is_vcpu && !has_vcpu) ||
			(is_vcpu == has_vcpu && thread->start_ticks < first->start_ticks))
			first = thread;
	}
	return first;
}

/* Whether it is the QEMU that it was in the tick before. */
static bool is_same(const struct sample *sample, const struct sample_domain *domain,
	bool told, const struct sample *before, const struct sample_domain *other)
{
	if (!told)
		return shares_thread(sample, domain, before, other);
	return domain->pid == other->pid && domain->start_ticks == other->start_ticks;
}

void trace_incarnation_find(const struct sample *sample, struct sample_domain *domain,
	bool told, const struct sample *before, const struct sample_domain *other)
{
	const struct sample_thread *first;

	if (other && is_same(sample, domain, told, before, other)) {
		domain->pid = other->pid;
		domain->start_ticks = other->start_ticks;
		domain->exited_ns = other->exited_ns;
		return;
	}
	if (told)
		return;
	first = first_thread(sample, domain);
	if (!first)
		return;
	domain->pid = first->tid;
	domain->start_ticks = first->start_ticks;
}

void trace_incarnation_count(
	const struct sample *sample, struct sample_domain *domain, uint64_t process_ns)
{
	uint64_t live_ns = 0;

	for (size_t i = 0; i < domain->n_threads; i++) {
		const struct sample_thread *thread =
			&sample->threads[domain->first_thread + i];

		if (thread->kind != SAMPLE_THREAD_VHOST &&
			__builtin_add_overflow(live_ns, thread->cpu_ns, &live_ns))
			live_ns = UINT64_MAX;
	}
	domain->exited_ns = sample_exited_ns(domain->exited_ns, process_ns, live_ns);
}
