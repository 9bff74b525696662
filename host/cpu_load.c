/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Busy time and factor of each CPU. */
#include "host/cpu_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/array.h"
#include "shared/clock.h"

/* /proc/stat counts in ticks: a CPU may seem busy for this much over the time. */
#define BUSY_SLACK_NS (2 * NSEC_PER_SEC / 100)

#define ORDER_CPU_BITS 32

int cpu_loads_reserve(struct cpu_loads *loads, const struct machine *machine)
{
	size_t n = machine->n_cpus;

	if (n <= loads->size)
		return 0;
	if (array_resize(&loads->cpus, n) < 0 ||
		array_resize(&loads->next_sibling, n) < 0 ||
		array_resize(&loads->order, n) < 0)
		return -ENOMEM;
	loads->size = n;
	return 0;
}

static uint16_t package_of(const struct machine *machine, size_t cpu)
{
	if (!machine->cpus[cpu].online)
		return CPU_LOAD_NO_PACKAGE;
	return machine->cpus[cpu].package < machine->n_packages
		       ? machine->cpus[cpu].package
		       : 0;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* CPUs in the order of their cores; those of one core are linked. */
static void link_siblings(struct cpu_loads *loads, const struct machine *machine)
{
	uint64_t *order = loads->order;
	size_t n = 0, first = 0;

	if (loads->linked && loads->generation == machine->generation &&
		loads->n_cpus == machine->n_cpus)
		return;
	for (size_t i = 0; i < machine->n_cpus; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];

		loads->next_sibling[i] = (uint32_t)i;
		if (cpu->online)
			order[n++] = ((uint64_t)cpu->package << 16 | cpu->core)
					     << ORDER_CPU_BITS |
				     i;
	}
	qsort(order, n, sizeof(*order), compare_u64);
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n ||
			    order[i] >> ORDER_CPU_BITS != order[i + 1] >> ORDER_CPU_BITS;

		loads->next_sibling[(uint32_t)order[i]] = (uint32_t)
			order[last ? first : i + 1];
		if (last)
			first = i + 1;
	}
	loads->linked = true;
	loads->generation = machine->generation;
}

static void measure_busy(struct cpu_loads *loads, const struct machine *machine,
	const struct sample *previous, const struct sample *now, bool remapped)
{
	uint64_t limit_ns = now->boottime_ns - previous->boottime_ns + BUSY_SLACK_NS;
	size_t n = now->n_cpus < previous->n_cpus ? now->n_cpus : previous->n_cpus;

	memset(loads->busy_ns, 0, sizeof(loads->busy_ns));
	for (size_t i = 0; i < machine->n_cpus; i++) {
		struct cpu_load *load = &loads->cpus[i];

		*load = (struct cpu_load){ .package = package_of(machine, i) };
		if (load->package == CPU_LOAD_NO_PACKAGE || i >= n ||
			now->cpus[i].busy_ns <= previous->cpus[i].busy_ns)
			continue;
		load->busy_ns = now->cpus[i].busy_ns - previous->cpus[i].busy_ns;
		if (load->busy_ns > limit_ns) {
			/* A CPU that was offline comes back with its old count. */
			load->busy_ns = remapped ? 0 : limit_ns;
		}
		loads->busy_ns[load->package] += load->busy_ns;
	}
}

/* Also of CPUs that are known and did not run there is a mean, if of no others. */
static void find_reference(struct cpu_loads *loads, const struct sample *now)
{
	double weighted[MACHINE_PACKAGES_MAX] = { 0 };
	double time_ns[MACHINE_PACKAGES_MAX] = { 0 };

	for (size_t i = 0; i < loads->n_cpus && i < now->n_cpus; i++) {
		const struct cpu_load *load = &loads->cpus[i];
		double ns = (double)load->busy_ns + 1;

		if (load->package == CPU_LOAD_NO_PACKAGE ||
			!weight_khz_is_known(now->cpus[i].khz))
			continue;
		weighted[load->package] += ns * now->cpus[i].khz;
		time_ns[load->package] += ns;
	}
	for (size_t p = 0; p < loads->n_packages; p++)
		loads->khz[p] = time_ns[p] > 0 ? weighted[p] / time_ns[p] : 0;
}

static double busy_share(const struct cpu_load *load, uint64_t dt_ns)
{
	if (load->busy_ns < dt_ns)
		return (double)load->busy_ns / (double)dt_ns;
	return load->busy_ns > 0;
}

/* Taken for independent of its siblings, and apart from them as far as time allows. */
static void find_smt_factors(struct cpu_loads *loads, const struct weight_model *model,
	uint32_t cpu, uint64_t dt_ns, double *ret_smt, double *ret_apart)
{
	double shares[WEIGHT_SIBLINGS_MAX], apart[WEIGHT_SIBLINGS_MAX];
	double own = busy_share(&loads->cpus[cpu], dt_ns);
	uint32_t sibling = loads->next_sibling[cpu];
	size_t n = 0;

	for (; sibling != cpu && n < WEIGHT_SIBLINGS_MAX;
		sibling = loads->next_sibling[sibling]) {
		shares[n] = busy_share(&loads->cpus[sibling], dt_ns);
		apart[n] = own + shares[n] > 1 ? (own + shares[n] - 1) / own : 0;
		n++;
	}
	*ret_smt = n > 0 ? weight_smt_factor(model, shares, n) : 1;
	*ret_apart = n > 0 ? weight_smt_factor(model, apart, n) : 1;
}

static uint32_t mean_factor(unsigned __int128 weighted, uint64_t busy_ns)
{
	return busy_ns > 0 ? (uint32_t)(weighted / busy_ns) : WEIGHT_FACTOR_ONE;
}

static void find_factors(struct cpu_loads *loads, const struct weight_model *model,
	const struct sample *now, uint64_t dt_ns)
{
	unsigned __int128 weighted[3][MACHINE_PACKAGES_MAX] = { 0 };

	for (uint32_t i = 0; i < loads->n_cpus; i++) {
		struct cpu_load *load = &loads->cpus[i];
		uint32_t khz = i < now->n_cpus ? now->cpus[i].khz : 0;
		uint16_t package = load->package;
		double smt, apart;

		if (package == CPU_LOAD_NO_PACKAGE)
			continue;
		find_smt_factors(loads, model, i, dt_ns, &smt, &apart);
		load->smt_factor = weight_factor(smt);
		load->apart_factor = weight_factor(apart);
		load->factor = weight_factor(
			smt * weight_frequency_factor(model, khz, loads->khz[package]));
		weighted[0][package] += (unsigned __int128)load->busy_ns * load->factor;
		weighted[1][package] += (unsigned __int128)load->busy_ns *
					load->smt_factor;
		weighted[2][package] += (unsigned __int128)load->busy_ns *
					load->apart_factor;
	}
	for (size_t p = 0; p < loads->n_packages; p++) {
		loads->factor[p] = mean_factor(weighted[0][p], loads->busy_ns[p]);
		loads->smt_factor[p] = mean_factor(weighted[1][p], loads->busy_ns[p]);
		loads->apart_factor[p] = mean_factor(weighted[2][p], loads->busy_ns[p]);
	}
}

void cpu_loads_compute(struct cpu_loads *loads, const struct machine *machine,
	const struct weight_model *model, const struct sample *previous,
	const struct sample *now, bool remapped)
{
	link_siblings(loads, machine);
	loads->n_packages = machine->n_packages > 0 ? machine->n_packages : 1;
	loads->n_cpus = machine->n_cpus;
	measure_busy(loads, machine, previous, now, remapped);
	find_reference(loads, now);
	find_factors(loads, model, now, now->boottime_ns - previous->boottime_ns);
}

void cpu_loads_deinit(struct cpu_loads *loads)
{
	free(loads->cpus);
	free(loads->next_sibling);
	free(loads->order);
	memset(loads, 0, sizeof(*loads));
}
