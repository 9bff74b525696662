/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A random host. */
#include "tests/unit/random_host.h"

#include <string.h>

#define MS UINT64_C(1000000)

static void choose_traits(struct random_host *host, bool calm)
{
	struct random_state *random = &host->random;

	host->traits = (struct random_traits){
		.calm = calm,
		.silent = !calm && random_one_in(random, 50),
		.alone = !calm && random_one_in(random, 20),
		.khz_garbage = random_one_in(random, 4),
		.busy_garbage = random_one_in(random, 8),
		.knows_memory = random_one_in(random, 2),
		.threads_per_core = (uint16_t)(1 + random_below(random, 8)),
	};
}

/* Cores of so many threads each, numbered anyhow; nodes that are not packages. */
static void shape_machine(struct random_host *host)
{
	struct machine *machine = &host->scene.machine;
	uint16_t first_core = (uint16_t)random_below(&host->random, UINT16_MAX - 64);
	bool odd_nodes = random_one_in(&host->random, 4);

	for (uint16_t i = 0; i < machine->n_cpus; i++) {
		struct machine_cpu *cpu = &host->scene.cpus[i];
		uint16_t in_package = i % SCENE_CPUS_PER_PACKAGE;

		cpu->core = (uint16_t)(first_core +
				       in_package / host->traits.threads_per_core);
		if (odd_nodes)
			cpu->node = (uint16_t)random_below(
				&host->random, RANDOM_HOST_NODES);
	}
	if (!host->traits.knows_memory)
		return;
	machine->n_nodes = random_below(&host->random, RANDOM_HOST_NODES + 1);
	for (size_t n = 0; n < machine->n_nodes; n++)
		machine->node_memory_kib[n] = random_u64(&host->random) >>
					      (24 + random_below(&host->random, 40));
}

static void choose_memory(struct random_host *host, struct random_domain *domain)
{
	domain->memory_kib = random_u64(&host->random) >>
			     (24 + random_below(&host->random, 40));
	for (size_t n = 0; n < RANDOM_HOST_NODES; n++)
		domain->resident_kib[n] = random_one_in(&host->random, 2)
						  ? 0
						  : random_u64(&host->random) >> 40;
}

static void init_zones(struct random_host *host)
{
	struct machine *machine = &host->scene.machine;

	scene_add_zone(&host->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	scene_add_zone(&host->scene, "core-0", MACHINE_ZONE_CORE, 0);
	scene_add_zone(&host->scene, "psys", MACHINE_ZONE_PSYS, 0);
	host->largest_uj = 200000000;
	if (!host->traits.calm && random_one_in(&host->random, 4)) {
		/* Counters near 2^63. */
		host->largest_uj = UINT64_C(1) << 57;
		for (size_t z = 0; z < machine->n_zones; z++) {
			machine->zones[z].max_energy_range_uj = INT64_MAX;
			machine->zones[z].max_power_uw = UINT64_C(1) << 58;
		}
	}
	for (size_t z = 0; z < machine->n_zones; z++) {
		host->energy_uj[z] = random_u64(&host->random) %
				     machine->zones[z].max_energy_range_uj;
		host->valid[z] = true;
	}
}

void random_host_init(struct random_host *host, uint64_t seed, bool calm)
{
	memset(host, 0, sizeof(*host));
	host->random.state = seed;
	choose_traits(host, calm);
	scene_init(&host->scene, 1 + random_below(&host->random, 2));
	shape_machine(host);
	init_zones(host);
	host->now_ns = 1000 * SCENE_SECOND_NS;
	for (uint32_t i = 0; i < RANDOM_HOST_DOMAINS; i++) {
		host->domains[i].number = i;
		host->domains[i].alive = calm;
		choose_memory(host, &host->domains[i]);
	}
	/* CPU time near 2^63. */
	for (size_t c = 0; c < SCENE_CPUS && random_one_in(&host->random, 4); c++)
		host->busy_ns[c] = UINT64_C(1) << 62;
}

static uint16_t random_cpu(struct random_host *host)
{
	return (uint16_t)random_below(&host->random, host->scene.machine.n_cpus);
}

/* Of a process or thread that has the number of one from before. */
static uint64_t later_start(const struct random_host *host, uint64_t before_ticks)
{
	uint64_t now_ticks = host->now_ns / (10 * MS);

	return now_ticks > before_ticks ? now_ticks : before_ticks + 1;
}

static void start_domain(struct random_host *host, struct random_domain *domain)
{
	domain->alive = true;
	domain->exited_ns = 0;
	domain->used_ns = 0;
	/* Just now, or long ago but first seen now. */
	domain->start_ticks = random_one_in(&host->random, 2)
				      ? later_start(host, domain->start_ticks)
				      : ++host->n_started;
	for (size_t k = 0; k < RANDOM_HOST_THREADS; k++)
		domain->threads[k] = (struct random_thread){
			.start_ticks = domain->start_ticks,
			.cpu = random_cpu(host),
		};
}

static void run_thread(struct random_host *host, struct random_domain *domain,
	struct random_thread *thread, uint64_t dt_ns)
{
	uint64_t ns = dt_ns > 0 ? random_below(&host->random, dt_ns) : 0;

	if (random_one_in(&host->random, 3))
		return;
	if (random_one_in(&host->random, 5))
		thread->cpu = random_cpu(host);
	/* A CPU that is not there. */
	if (!host->traits.calm && random_one_in(&host->random, 50))
		thread->cpu = (uint16_t)random_u64(&host->random);
	thread->cpu_ns += ns;
	domain->used_ns += ns;
	if (thread->cpu < SCENE_CPUS)
		host->busy_ns[thread->cpu] += ns;
	if (random_one_in(&host->random, 30)) {
		/* Ends, and another one has its tid. */
		domain->exited_ns += thread->cpu_ns;
		thread->cpu_ns = 0;
		thread->start_ticks = later_start(host, thread->start_ticks);
	}
}

static void run_domain(
	struct random_host *host, struct random_domain *domain, uint64_t dt_ns)
{
	if (random_one_in(&host->random, 4))
		return;
	for (size_t k = 0; k < RANDOM_HOST_THREADS; k++)
		run_thread(host, domain, &domain->threads[k], dt_ns);
}

static void copy_twin(struct random_host *host)
{
	struct random_domain *twin = &host->domains[RANDOM_HOST_TWIN_B];
	uint32_t number = twin->number;

	*twin = host->domains[RANDOM_HOST_TWIN_A];
	twin->number = number;
}

static void disturb(struct random_host *host)
{
	struct machine *machine = &host->scene.machine;

	for (size_t i = 0; i < RANDOM_HOST_DOMAINS; i++)
		if (random_one_in(&host->random, 12)) {
			if (host->domains[i].alive && random_one_in(&host->random, 2))
				host->domains[i].alive = false;
			else
				start_domain(host, &host->domains[i]);
			choose_memory(host, &host->domains[i]);
		}
	for (size_t z = 0; z < machine->n_zones; z++)
		host->valid[z] = !random_one_in(&host->random, 15);
	if (random_one_in(&host->random, 40)) {
		host->now_ns += 5 * SCENE_SECOND_NS;
		host->asleep_ns += 5 * SCENE_SECOND_NS;
	}
	if (random_one_in(&host->random, 40)) {
		size_t cpu = random_cpu(host);

		host->scene.cpus[cpu].online = !host->scene.cpus[cpu].online;
		machine->generation++;
	}
}

static uint32_t random_khz(struct random_host *host)
{
	static const uint32_t garbage[] = { 0, 1, 9999, 20000001, UINT32_MAX };

	if (host->traits.khz_garbage && random_one_in(&host->random, 2))
		return garbage[random_below(
			&host->random, sizeof(garbage) / sizeof(garbage[0]))];
	return random_one_in(&host->random, 4)
		       ? 0
		       : 800000 + (uint32_t)random_below(&host->random, 4000000);
}

static void run_cpus(struct random_host *host, uint64_t dt_ns)
{
	for (size_t c = 0; c < host->scene.machine.n_cpus; c++) {
		if (!host->traits.alone)
			host->busy_ns[c] += random_below(&host->random, dt_ns / 4 + 1);
		if (host->traits.busy_garbage && random_one_in(&host->random, 20))
			host->busy_ns[c] += random_u64(&host->random) >> 12;
		host->khz[c] = random_khz(host);
	}
}

static void run_zones(struct random_host *host, uint64_t dt_ns)
{
	for (size_t z = 0; z < host->scene.machine.n_zones; z++) {
		/* As much as counter_advance() takes for possible in this time. */
		uint64_t most = (uint64_t)((unsigned __int128)host->largest_uj * dt_ns /
					   (2 * SCENE_SECOND_NS));

		if (!random_one_in(&host->random, 10))
			host->energy_uj[z] += random_below(&host->random, most + 1);
	}
}

void random_host_advance(struct random_host *host)
{
	size_t only = random_below(&host->random, RANDOM_HOST_DOMAINS);
	uint64_t dt_ns = random_one_in(&host->random, 20)
				 ? 0
				 : MS + random_below(&host->random, 2 * SCENE_SECOND_NS);

	host->now_ns += dt_ns;
	if (!host->traits.calm)
		disturb(host);
	for (size_t i = 0; i < RANDOM_HOST_DOMAINS; i++) {
		if (host->traits.silent)
			host->domains[i].alive = false;
		if (host->domains[i].alive && (!host->traits.alone || i == only))
			run_domain(host, &host->domains[i], dt_ns);
	}
	copy_twin(host);
	run_cpus(host, dt_ns);
	run_zones(host, dt_ns);
}

/* Its threads; their times and CPUs are the same whichever way they are numbered. */
static void observe_threads(const struct random_host *host, struct sample *sample,
	const struct random_domain *domain)
{
	for (uint16_t t = 0; t < RANDOM_HOST_THREADS; t++) {
		uint16_t k = host->traits.reversed ? RANDOM_HOST_THREADS - 1 - t : t;

		scene_add_thread(sample,
			k < 3 ? SAMPLE_THREAD_VCPU : SAMPLE_THREAD_EMULATOR, k,
			domain->threads[k].cpu_ns, domain->threads[k].cpu)
			->start_ticks = domain->threads[k].start_ticks;
	}
}

static void observe_domains(const struct random_host *host, struct sample *sample,
	const size_t order[RANDOM_HOST_DOMAINS], size_t n)
{
	for (size_t k = 0; k < n; k++) {
		const struct random_domain *from = &host->domains[order[k]];
		struct sample_domain *domain = scene_add_domain(sample, from->number, 3);

		domain->start_ticks = from->start_ticks;
		domain->exited_ns = from->exited_ns;
		domain->vcpus_per_socket = 2;
		domain->memory_kib = from->memory_kib;
		observe_threads(host, sample, from);
	}
	if (!host->traits.knows_memory ||
		sample_reserve_nodes(sample, RANDOM_HOST_NODES) < 0)
		return;
	for (size_t k = 0; k < n; k++)
		memcpy(sample_resident_kib(sample, k, 0),
			host->domains[order[k]].resident_kib,
			sizeof(host->domains[0].resident_kib));
}

void random_host_observe(const struct random_host *host, struct sample *sample,
	size_t ret_order[RANDOM_HOST_DOMAINS])
{
	size_t n = 0;

	scene_begin(&host->scene, sample, host->now_ns);
	sample->monotonic_ns -= host->asleep_ns;
	for (size_t z = 0; z < sample->n_zones; z++)
		sample->zones[z] = (struct sample_zone){
			.valid = host->valid[z],
			.energy_uj = host->energy_uj[z] %
				     host->scene.machine.zones[z].max_energy_range_uj,
		};
	for (size_t c = 0; c < sample->n_cpus; c++)
		sample->cpus[c] = (struct sample_cpu){ host->busy_ns[c], host->khz[c] };
	for (size_t i = 0; i < RANDOM_HOST_DOMAINS; i++) {
		size_t k = n;

		if (!host->domains[i].alive)
			continue;
		for (n++; k > 0 && host->domains[i].number <
					   host->domains[ret_order[k - 1]].number;
			k--)
			ret_order[k] = ret_order[k - 1];
		ret_order[k] = i;
	}
	observe_domains(host, sample, ret_order, n);
}
