/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* CPU time between two samples, by whom and where. */
#include "host/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/apportion.h"
#include "host/weight.h"
#include "shared/clock.h"

/* start_ticks count in USER_HZ, which is 100 wherever KVM runs. */
#define START_TICK_NS (NSEC_PER_SEC / 100)

/* /proc/stat counts in ticks too: a CPU may seem busy for this much over the time. */
#define BUSY_SLACK_NS (2 * START_TICK_NS)

#define NO_PACKAGE UINT16_MAX

/* What is summed up while one domain is looked at. */
struct domain_walk {
	uint64_t cpu_ns[MACHINE_PACKAGES_MAX];
	struct usage_cell *cells;
};

static size_t packages_of(const struct machine *machine)
{
	return machine->n_packages > 0 ? machine->n_packages : 1;
}

static int reserve(void *array, size_t *size, size_t element_size, size_t n)
{
	void **pointer = array;
	void *grown;

	if (n <= *size)
		return 0;
	grown = reallocarray(*pointer, n, element_size);
	if (!grown)
		return -ENOMEM;
	*pointer = grown;
	*size = n;
	return 0;
}

int usage_reserve(
	struct usage *usage, const struct machine *machine, const struct sample *now)
{
	if (reserve(&usage->cells, &usage->cells_size, sizeof(*usage->cells),
		    now->n_domains * packages_of(machine)) < 0 ||
		reserve(&usage->cpu_ns, &usage->cpu_size, sizeof(*usage->cpu_ns),
			now->n_domains) < 0 ||
		reserve(&usage->threads, &usage->threads_size, sizeof(*usage->threads),
			now->n_threads) < 0)
		return -ENOMEM;
	return 0;
}

/* Of a CPU that is not there (any more): none. */
static uint16_t package_of(const struct machine *machine, size_t cpu)
{
	if (cpu >= machine->n_cpus || !machine->cpus[cpu].online)
		return NO_PACKAGE;
	return machine->cpus[cpu].package < machine->n_packages
		       ? machine->cpus[cpu].package
		       : 0;
}

static uint64_t growth(uint64_t previous, uint64_t now)
{
	return now > previous ? now - previous : 0;
}

/* How long it had been there at the previous sample; 0: it started after that. */
static uint64_t age_ns(uint64_t start_ticks, uint64_t previous_boottime_ns)
{
	unsigned __int128 end_of_tick_ns = ((unsigned __int128)start_ticks + 1) *
					   START_TICK_NS;

	return end_of_tick_ns < previous_boottime_ns
		       ? previous_boottime_ns - (uint64_t)end_of_tick_ns
		       : 0;
}

/* Of a thread that the previous sample has not: what is certainly of this tick. */
static uint64_t new_thread_time_ns(
	const struct sample_thread *thread, uint64_t previous_boottime_ns, uint64_t dt_ns)
{
	uint64_t before_ns = age_ns(thread->start_ticks, previous_boottime_ns);
	uint64_t cpu_ns = growth(before_ns, thread->cpu_ns);

	/* No thread runs longer than the tick. */
	return cpu_ns < dt_ns ? cpu_ns : dt_ns;
}

static void compute_busy(struct usage *usage, const struct machine *machine,
	const struct sample *previous, const struct sample *now, bool remapped)
{
	uint64_t limit_ns = now->boottime_ns - previous->boottime_ns + BUSY_SLACK_NS;
	size_t n_cpus = now->n_cpus < previous->n_cpus ? now->n_cpus : previous->n_cpus;

	memset(usage->busy_ns, 0, sizeof(usage->busy_ns));
	for (size_t i = 0; i < n_cpus; i++) {
		uint64_t busy_ns = growth(
			previous->cpus[i].busy_ns, now->cpus[i].busy_ns);
		uint16_t package = package_of(machine, i);

		if (package == NO_PACKAGE)
			continue;
		if (busy_ns > limit_ns) {
			/* A CPU that was offline comes back with its old count. */
			busy_ns = remapped ? 0 : limit_ns;
		}
		usage->busy_ns[package] += busy_ns;
	}
}

/* Books cpu_ns of a thread that was on one package, then on another. */
static void book_thread(struct domain_walk *walk, struct usage_thread *thread,
	uint64_t cpu_ns, uint16_t from, uint16_t to)
{
	const struct weight_input input = { .cpu_ns = cpu_ns };
	uint64_t weight = weight_of(&input);
	uint64_t moved = from == to ? 0 : weight / 2;
	uint64_t moved_ns = from == to ? 0 : cpu_ns / 2;

	*thread = (struct usage_thread){ { weight - moved, moved }, { to, from } };
	walk->cpu_ns[to] += cpu_ns - moved_ns;
	walk->cpu_ns[from] += moved_ns;
	walk->cells[to].weight = weight_add(walk->cells[to].weight, weight - moved);
	walk->cells[from].weight = weight_add(walk->cells[from].weight, moved);
}

/* Time of threads that ended goes where the others of the domain were. */
static void book_ended(
	struct domain_walk *walk, size_t n_packages, uint64_t cpu_ns, uint16_t fallback)
{
	struct apportion_player players[MACHINE_PACKAGES_MAX] = { 0 };
	uint64_t sum_ns = 0;

	for (size_t p = 0; p < n_packages; p++) {
		players[p].weight = walk->cpu_ns[p];
		sum_ns += walk->cpu_ns[p];
	}
	if (sum_ns == 0)
		players[fallback].weight = 1;
	apportion(cpu_ns, players, n_packages);
	for (size_t p = 0; p < n_packages; p++) {
		const struct weight_input input = { .cpu_ns = players[p].share };

		walk->cpu_ns[p] += players[p].share;
		walk->cells[p].weight = weight_add(
			walk->cells[p].weight, weight_of(&input));
	}
}

/* How the threads of one domain are matched with those of the sample before. */
struct match {
	const struct sample *previous;
	size_t next, end;
	bool known;	/* the same QEMU was in the sample */
	bool from_zero; /* what is new is of this tick alone */
	uint64_t dt_ns;
	uint64_t ended_ns; /* what threads that ended had been seen to use */
};

/* Passes the threads of the previous sample that are below this tid: they ended. */
static void pass_ended(struct match *match, int64_t tid)
{
	const struct sample_thread *threads = match->previous->threads;

	for (; match->next < match->end && threads[match->next].tid < tid; match->next++)
		match->ended_ns += threads[match->next].cpu_ns;
}

static const struct sample_thread *find_previous(
	struct match *match, const struct sample_thread *thread)
{
	const struct sample_thread *before = match->previous->threads;

	pass_ended(match, thread->tid);
	if (match->next == match->end)
		return NULL;
	before += match->next;
	if (before->tid != thread->tid || before->start_ticks != thread->start_ticks)
		return NULL;
	match->next++;
	return before;
}

/* CPU time of this tick, and the CPU the thread was on before it. */
static uint64_t thread_time_ns(
	struct match *match, const struct sample_thread *thread, uint16_t *ret_cpu_before)
{
	const struct sample_thread *before = find_previous(match, thread);

	*ret_cpu_before = thread->last_cpu;
	if (before) {
		*ret_cpu_before = before->last_cpu;
		return growth(before->cpu_ns, thread->cpu_ns);
	}
	if (!match->from_zero)
		return 0;
	return new_thread_time_ns(thread, match->previous->boottime_ns, match->dt_ns);
}

/* Returns the package that stands for the domain where nothing else tells. */
static uint16_t walk_threads(struct usage *usage, const struct machine *machine,
	const struct sample *now, const struct sample_domain *domain, struct match *match,
	struct domain_walk *walk)
{
	uint16_t home = NO_PACKAGE;
	uint32_t n_vcpus = 0;

	for (size_t i = 0; i < domain->n_threads; i++) {
		size_t index = domain->first_thread + i;
		const struct sample_thread *thread = &now->threads[index];
		uint16_t cpu_before, from, to;
		uint64_t cpu_ns;

		usage->threads[index] = (struct usage_thread){ 0 };
		if (i > 0 && thread[-1].tid == thread->tid)
			continue;
		cpu_ns = thread_time_ns(match, thread, &cpu_before);
		to = package_of(machine, thread->last_cpu);
		from = package_of(machine, cpu_before);
		if (to == NO_PACKAGE)
			to = from == NO_PACKAGE ? 0 : from;
		if (from == NO_PACKAGE)
			from = to;
		if (home == NO_PACKAGE ||
			(thread->kind == SAMPLE_THREAD_VCPU && n_vcpus == 0))
			home = to;
		if (thread->kind == SAMPLE_THREAD_VCPU) {
			walk->cells[to].n_vcpus++;
			n_vcpus++;
		}
		book_thread(walk, &usage->threads[index], cpu_ns, from, to);
	}
	if (home == NO_PACKAGE)
		home = 0;
	/* vCPUs that share a thread (TCG), or whose threads cannot be read. */
	if (domain->n_vcpus > n_vcpus)
		walk->cells[home].n_vcpus += domain->n_vcpus - n_vcpus;
	return home;
}

static void begin_match(struct match *match, const struct sample *previous,
	const struct sample *now, const struct sample_domain *before,
	const struct sample_domain *domain)
{
	*match = (struct match){
		.previous = previous,
		.dt_ns = now->boottime_ns - previous->boottime_ns,
	};
	if (before && before->pid == domain->pid &&
		before->start_ticks == domain->start_ticks) {
		match->known = true;
		match->from_zero = true;
		match->next = before->first_thread;
		match->end = match->next + before->n_threads;
	} else {
		match->from_zero = age_ns(domain->start_ticks, previous->boottime_ns) ==
				   0;
	}
}

static void compute_domain(struct usage *usage, const struct machine *machine,
	const struct sample *now, size_t index, const struct sample_domain *before,
	struct match *match, uint64_t domains_ns[MACHINE_PACKAGES_MAX])
{
	const struct sample_domain *domain = &now->domains[index];
	struct domain_walk walk = { .cells = &usage->cells[index * usage->n_packages] };
	uint64_t ended_ns = domain->exited_ns, seen_ns = 0;
	uint16_t home;

	memset(walk.cells, 0, usage->n_packages * sizeof(*walk.cells));
	home = walk_threads(usage, machine, now, domain, match, &walk);
	pass_ended(match, INT64_MAX);
	if (match->known)
		seen_ns = before->exited_ns + match->ended_ns;
	if (match->from_zero && ended_ns > seen_ns)
		book_ended(&walk, usage->n_packages, ended_ns - seen_ns, home);
	usage->cpu_ns[index] = 0;
	for (size_t p = 0; p < usage->n_packages; p++) {
		usage->cpu_ns[index] += walk.cpu_ns[p];
		usage->n_vcpus[p] += walk.cells[p].n_vcpus;
		domains_ns[p] += walk.cpu_ns[p];
	}
}

void usage_compute(struct usage *usage, const struct machine *machine,
	const struct sample *previous, const struct sample *now, bool remapped)
{
	uint64_t domains_ns[MACHINE_PACKAGES_MAX] = { 0 };
	size_t before = 0, n_known = 0;

	usage->n_packages = packages_of(machine);
	memset(usage->n_vcpus, 0, sizeof(usage->n_vcpus));
	compute_busy(usage, machine, previous, now, remapped);
	for (size_t i = 0; i < now->n_domains; i++) {
		const struct sample_domain *domain = &now->domains[i], *same = NULL;
		struct match match;

		while (before < previous->n_domains &&
			uuid_compare(&previous->domains[before].uuid, &domain->uuid) < 0)
			before++;
		if (before < previous->n_domains &&
			uuid_compare(&previous->domains[before].uuid, &domain->uuid) == 0)
			same = &previous->domains[before];
		begin_match(&match, previous, now, same, domain);
		n_known += match.known;
		compute_domain(usage, machine, now, i, same, &match, domains_ns);
	}
	usage->domain_ended = n_known < previous->n_domains;
	for (size_t p = 0; p < usage->n_packages; p++) {
		const struct weight_input host = {
			.cpu_ns = growth(domains_ns[p], usage->busy_ns[p]),
		};

		usage->host_weight[p] = weight_of(&host);
	}
}

void usage_deinit(struct usage *usage)
{
	free(usage->cells);
	free(usage->cpu_ns);
	free(usage->threads);
	memset(usage, 0, sizeof(*usage));
}
