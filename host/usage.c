/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* CPU time between two samples, by whom and where. */
#include "host/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/apportion.h"
#include "host/weight.h"
#include "shared/array.h"

#define NO_PACKAGE CPU_LOAD_NO_PACKAGE

/* Where a thread was. */
struct place {
	uint16_t package;
	bool located; /* on this CPU */
	uint16_t cpu;
	uint32_t factor, smt_factor, apart_factor;
};

static size_t packages_of(const struct machine *machine)
{
	return machine->n_packages > 0 ? machine->n_packages : 1;
}

int usage_reserve(
	struct usage *usage, const struct machine *machine, const struct sample *now)
{
	if (array_reserve(&usage->cells, &usage->cells_size,
		    now->n_domains * packages_of(machine)) < 0 ||
		array_reserve(&usage->located_ns, &usage->located_size, machine->n_cpus) <
			0 ||
		cpu_loads_reserve(&usage->loads, machine) < 0 ||
		array_reserve(&usage->threads, &usage->threads_size, now->n_threads) < 0)
		return -ENOMEM;
	return 0;
}

/* false: the CPU is not there (any more). */
static bool find_place(const struct usage *usage, uint16_t cpu, struct place *ret_place)
{
	const struct cpu_load *load;

	if (cpu >= usage->loads.n_cpus)
		return false;
	load = &usage->loads.cpus[cpu];
	if (load->package == NO_PACKAGE)
		return false;
	*ret_place = (struct place){
		.package = load->package,
		.located = true,
		.cpu = cpu,
		.factor = load->factor,
		.smt_factor = load->smt_factor,
		.apart_factor = load->apart_factor,
	};
	return true;
}

/* Of a thread, before the tick and now; what is not known of one is as the other. */
static void find_places(const struct usage *usage, uint16_t cpu_before, uint16_t cpu,
	struct place *from, struct place *to)
{
	bool has_from = find_place(usage, cpu_before, from);

	if (!find_place(usage, cpu, to))
		*to = has_from ? *from
			       : (struct place){
					 .factor = usage->loads.factor[0],
					 .smt_factor = usage->loads.smt_factor[0],
					 .apart_factor = usage->loads.apart_factor[0],
				 };
	if (!has_from)
		*from = *to;
}

static uint64_t growth(uint64_t previous, uint64_t now)
{
	return now > previous ? now - previous : 0;
}

/* How long it had been there at the previous sample; 0: it started after that. */
static uint64_t age_ns(uint64_t start_ticks, uint64_t previous_boottime_ns)
{
	unsigned __int128 end_of_tick_ns = ((unsigned __int128)start_ticks + 1) *
					   SAMPLE_START_TICK_NS;

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

static void book_part(struct usage *usage, struct usage_cell *cells,
	const struct place *place, uint64_t cpu_ns, uint64_t weight)
{
	struct usage_cell *cell = &cells[place->package];

	cell->cpu_ns += cpu_ns;
	cell->weight = weight_add(cell->weight, weight);
	cell->core_weight = weight_add(
		cell->core_weight, weight_of(cpu_ns, place->smt_factor));
	cell->apart_weight = weight_add(
		cell->apart_weight, weight_of(cpu_ns, place->apart_factor));
	if (place->located)
		usage->located_ns[place->cpu] += cpu_ns;
}

/* Books cpu_ns of a thread that was on one CPU, then maybe on another. */
static void book_thread(struct usage *usage, struct usage_cell *cells,
	struct usage_thread *thread, uint64_t cpu_ns, const struct place *from,
	const struct place *to)
{
	uint64_t moved_ns = from->cpu == to->cpu ? 0 : cpu_ns / 2;
	uint64_t moved = weight_of(moved_ns, from->factor);
	uint64_t stayed = weight_of(cpu_ns - moved_ns, to->factor);

	*thread = (struct usage_thread){ cpu_ns, { stayed, moved },
		{ to->package, from->package } };
	book_part(usage, cells, to, cpu_ns - moved_ns, stayed);
	if (moved_ns == 0)
		return;
	book_part(usage, cells, from, moved_ns, moved);
	if (from->package != to->package) {
		cells[to->package].moved_ns += cpu_ns - moved_ns;
		cells[from->package].moved_ns += moved_ns;
	}
}

static uint64_t scale_weight(uint64_t weight, uint64_t cpu_ns, uint64_t of_ns)
{
	unsigned __int128 scaled = (unsigned __int128)cpu_ns * weight / of_ns;

	if (scaled > UINT64_MAX)
		return UINT64_MAX;
	return scaled == 0 && cpu_ns > 0 ? 1 : (uint64_t)scaled;
}

/* Adds time of which only time and weight of others are known. */
static void add_alike(
	struct usage_cell *cell, uint64_t cpu_ns, const struct usage_cell *others)
{
	uint64_t weight = scale_weight(others->weight, cpu_ns, others->cpu_ns);
	uint64_t core = scale_weight(others->core_weight, cpu_ns, others->cpu_ns);
	uint64_t apart = scale_weight(others->apart_weight, cpu_ns, others->cpu_ns);

	cell->cpu_ns += cpu_ns;
	cell->weight = weight_add(cell->weight, weight);
	cell->core_weight = weight_add(cell->core_weight, core);
	cell->apart_weight = weight_add(cell->apart_weight, apart);
}

/* Adds time of which only the package is known. */
static void add_average(struct usage_cell *cell, uint64_t cpu_ns,
	const struct cpu_loads *loads, size_t package)
{
	uint64_t core = weight_of(cpu_ns, loads->smt_factor[package]);
	uint64_t apart = weight_of(cpu_ns, loads->apart_factor[package]);

	cell->cpu_ns += cpu_ns;
	cell->weight = weight_add(
		cell->weight, weight_of(cpu_ns, loads->factor[package]));
	cell->core_weight = weight_add(cell->core_weight, core);
	cell->apart_weight = weight_add(cell->apart_weight, apart);
}

/* Time of threads that ended goes where the others of the domain were. */
static void book_ended(
	struct usage *usage, struct usage_cell *cells, uint64_t cpu_ns, uint16_t fallback)
{
	struct apportion_player players[MACHINE_PACKAGES_MAX] = { 0 };
	uint64_t sum_ns = 0;

	for (size_t p = 0; p < usage->n_packages; p++) {
		players[p].weight = cells[p].cpu_ns;
		sum_ns += cells[p].cpu_ns;
	}
	if (sum_ns == 0)
		players[fallback].weight = 1;
	apportion(cpu_ns, players, usage->n_packages);
	for (size_t p = 0; p < usage->n_packages; p++) {
		uint64_t share_ns = players[p].share;

		if (sum_ns > 0 && share_ns > 0)
			add_alike(&cells[p], share_ns, &cells[p]);
		else
			add_average(&cells[p], share_ns, &usage->loads, p);
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
static uint16_t walk_threads(struct usage *usage, const struct sample *now,
	const struct sample_domain *domain, struct match *match, struct usage_cell *cells)
{
	uint16_t home = NO_PACKAGE;
	uint32_t n_vcpus = 0, first_vcpu = UINT32_MAX;

	for (size_t i = 0; i < domain->n_threads; i++) {
		size_t index = domain->first_thread + i;
		const struct sample_thread *thread = &now->threads[index];
		struct place from, to;
		uint16_t cpu_before;
		uint64_t cpu_ns;

		usage->threads[index] = (struct usage_thread){ 0 };
		if (i > 0 && thread[-1].tid == thread->tid)
			continue;
		cpu_ns = thread_time_ns(match, thread, &cpu_before);
		find_places(usage, cpu_before, thread->last_cpu, &from, &to);
		if (home == NO_PACKAGE)
			home = to.package;
		if (thread->kind == SAMPLE_THREAD_VCPU) {
			cells[to.package].n_vcpus++;
			n_vcpus++;
			if (thread->index < first_vcpu) {
				first_vcpu = thread->index;
				home = to.package;
			}
		}
		book_thread(usage, cells, &usage->threads[index], cpu_ns, &from, &to);
	}
	if (home == NO_PACKAGE)
		home = 0;
	/* vCPUs that share a thread (TCG), or whose threads cannot be read. */
	if (domain->n_vcpus > n_vcpus)
		cells[home].n_vcpus += domain->n_vcpus - n_vcpus;
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

static void compute_domain(struct usage *usage, const struct sample *now, size_t index,
	const struct sample_domain *before, struct match *match)
{
	const struct sample_domain *domain = &now->domains[index];
	struct usage_cell *cells = &usage->cells[index * usage->n_packages];
	uint64_t ended_ns = domain->exited_ns, seen_ns = 0;
	uint16_t home;

	memset(cells, 0, usage->n_packages * sizeof(*cells));
	home = walk_threads(usage, now, domain, match, cells);
	pass_ended(match, INT64_MAX);
	if (match->known)
		seen_ns = before->exited_ns + match->ended_ns;
	if (match->from_zero && ended_ns > seen_ns)
		book_ended(usage, cells, ended_ns - seen_ns, home);
	for (size_t p = 0; p < usage->n_packages; p++)
		usage->n_vcpus[p] += cells[p].n_vcpus;
}

static void compute_domains(
	struct usage *usage, const struct sample *previous, const struct sample *now)
{
	size_t before = 0, n_known = 0;

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
		compute_domain(usage, now, i, same, &match);
	}
	usage->domain_ended = n_known < previous->n_domains;
}

/*
 * How long the host ran is told by the package's sums, to which it does not matter
 * which CPUs threads were on between their last and this one. Where, by the CPUs that
 * were busy for longer than the threads last seen there.
 */
static void compute_host(struct usage *usage, const struct sample *now)
{
	const struct cpu_loads *loads = &usage->loads;
	struct usage_cell left[MACHINE_PACKAGES_MAX] = { 0 };
	uint64_t domains_ns[MACHINE_PACKAGES_MAX] = { 0 };

	for (size_t i = 0; i < loads->n_cpus; i++) {
		uint64_t ns = growth(usage->located_ns[i], loads->cpus[i].busy_ns);
		struct usage_cell *cell;

		if (ns == 0)
			continue;
		cell = &left[loads->cpus[i].package];
		cell->cpu_ns += ns;
		cell->weight = weight_add(
			cell->weight, weight_of(ns, loads->cpus[i].factor));
		cell->core_weight = weight_add(
			cell->core_weight, weight_of(ns, loads->cpus[i].smt_factor));
		cell->apart_weight = weight_add(
			cell->apart_weight, weight_of(ns, loads->cpus[i].apart_factor));
	}
	for (size_t i = 0; i < now->n_domains; i++)
		for (size_t p = 0; p < usage->n_packages; p++)
			domains_ns[p] += usage_cell(usage, i, p)->cpu_ns;
	for (size_t p = 0; p < usage->n_packages; p++) {
		uint64_t ns = growth(domains_ns[p], loads->busy_ns[p]);

		usage->host[p] = (struct usage_cell){ 0 };
		if (left[p].cpu_ns > 0)
			add_alike(&usage->host[p], ns, &left[p]);
		else
			add_average(&usage->host[p], ns, loads, p);
	}
}

void usage_compute(struct usage *usage, const struct machine *machine,
	const struct weight_model *model, const struct sample *previous,
	const struct sample *now, bool remapped)
{
	usage->n_packages = packages_of(machine);
	memset(usage->n_vcpus, 0, sizeof(usage->n_vcpus));
	if (machine->n_cpus > 0)
		memset(usage->located_ns, 0,
			machine->n_cpus * sizeof(*usage->located_ns));
	cpu_loads_compute(&usage->loads, machine, model, previous, now, remapped);
	compute_domains(usage, previous, now);
	compute_host(usage, now);
}

uint64_t usage_cpu_ns(const struct usage *usage, size_t domain)
{
	uint64_t sum_ns = 0;

	for (size_t p = 0; p < usage->n_packages; p++)
		sum_ns += usage_cell(usage, domain, p)->cpu_ns;
	return sum_ns;
}

void usage_deinit(struct usage *usage)
{
	free(usage->cells);
	free(usage->located_ns);
	free(usage->threads);
	cpu_loads_deinit(&usage->loads);
	memset(usage, 0, sizeof(*usage));
}
