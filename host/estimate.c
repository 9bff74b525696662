/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Energy estimated from busy time. */
#include "host/estimate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/zone_rules.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* uW x ns */
#define FEMTOJOULES_PER_UJ NSEC_PER_SEC

struct estimate {
	uint64_t idle_uw;
	uint64_t full_uw;
	/* As of the last scan. */
	size_t n_packages;
	uint16_t physical_id[MACHINE_PACKAGES_MAX];
	uint16_t cpus_in_package[MACHINE_PACKAGES_MAX];
	size_t n_cpus;
	uint16_t *package_of; /* by CPU; n_packages: offline */
	/* As of the last read; counters by physical id, which a rescan keeps. */
	uint64_t monotonic_ns;
	size_t n_busy;
	uint64_t *busy_ns; /* by CPU */
	struct estimate_counter {
		uint16_t physical_id;
		unsigned __int128 energy_fj;
	} counters[MACHINE_PACKAGES_MAX];
	size_t n_counters;
};

static void estimate_close(void *source)
{
	struct estimate *estimate = source;

	if (!estimate)
		return;
	free(estimate->package_of);
	free(estimate->busy_ns);
	free(estimate);
}

static int estimate_open(const struct energy_config *config, void **ret_source)
{
	struct estimate *estimate;

	if (config->full_uw < config->idle_uw)
		return -EINVAL;
	estimate = calloc(1, sizeof(*estimate));
	if (!estimate)
		return -ENOMEM;
	estimate->idle_uw = config->idle_uw;
	estimate->full_uw = config->full_uw;
	*ret_source = estimate;
	return 0;
}

/* One zone for each socket that has an online CPU. */
static size_t make_zones(const struct estimate *estimate, const struct topology *topology,
	struct zone_found found[MACHINE_PACKAGES_MAX])
{
	size_t n = 0;

	for (size_t cpu = 0; cpu < topology->n_cpus; cpu++) {
		char name[MACHINE_ZONE_NAME_SIZE];
		size_t i = 0;

		if (!topology->cpus[cpu].online)
			continue;
		snprintf(name, sizeof(name), "package-%u",
			topology->cpus[cpu].physical_id);
		while (i < n && strcmp(found[i].name, name) != 0)
			i++;
		if (i < n || n == MACHINE_PACKAGES_MAX)
			continue;
		memcpy(found[n].name, name, sizeof(name));
		found[n].parent = -1;
		found[n].max_energy_range_uj = ESTIMATE_RANGE_UJ;
		found[n].max_power_uw = estimate->full_uw;
		n++;
	}
	return n;
}

static int keep_machine(struct estimate *estimate, const struct machine *machine)
{
	uint16_t *package_of = calloc(machine->n_cpus, sizeof(*package_of));
	uint64_t *busy_ns = calloc(machine->n_cpus, sizeof(*busy_ns));

	if (!package_of || !busy_ns) {
		free(package_of);
		free(busy_ns);
		return -ENOMEM;
	}
	for (size_t i = 0; i < machine->n_cpus; i++)
		package_of[i] = machine->cpus[i].online ? machine->cpus[i].package
							: (uint16_t)machine->n_packages;
	for (size_t i = 0; i < machine->n_cpus && i < estimate->n_busy; i++)
		busy_ns[i] = estimate->busy_ns[i];
	free(estimate->package_of);
	free(estimate->busy_ns);
	estimate->package_of = package_of;
	estimate->busy_ns = busy_ns;
	estimate->n_busy = estimate->n_cpus = machine->n_cpus;
	estimate->n_packages = machine->n_packages;
	for (size_t i = 0; i < machine->n_packages; i++) {
		estimate->physical_id[i] = machine->packages[i].physical_id;
		estimate->cpus_in_package[i] = machine->packages[i].n_cpus;
	}
	return 0;
}

static int estimate_scan(
	void *source, const struct topology *topology, struct machine *machine)
{
	cleanup_free struct zone_found *found = calloc(
		MACHINE_PACKAGES_MAX, sizeof(*found));
	struct estimate *estimate = source;
	uint16_t from[MACHINE_ZONES_MAX];
	struct machine made = { 0 };
	int r;

	if (!found)
		return -ENOMEM;
	r = zone_rules_apply(found, make_zones(estimate, topology, found), topology, true,
		&made, from);
	if (r < 0)
		return r;
	r = keep_machine(estimate, &made);
	if (r < 0) {
		free(made.cpus);
		return r;
	}
	*machine = made;
	return 0;
}

/* Of the package, or a new one at 0; NULL: there is no room for one more. */
static struct estimate_counter *find_counter(
	struct estimate *estimate, uint16_t physical_id)
{
	struct estimate_counter *counter = estimate->counters;
	size_t i = 0;

	while (i < estimate->n_counters && counter[i].physical_id != physical_id)
		i++;
	if (i == MACHINE_PACKAGES_MAX)
		return NULL;
	if (i == estimate->n_counters) {
		counter[i] = (struct estimate_counter){ .physical_id = physical_id };
		estimate->n_counters++;
	}
	return &counter[i];
}

/*
 * The busy time of each package's CPUs since the last read. At the first it is that
 * since boot, and so is dt: the counter is then the same function of the kernel's
 * own, and goes on where it was when the daemon is started again.
 */
static uint64_t advance(struct estimate *estimate, const struct sample *sample,
	uint64_t busy_ns[MACHINE_PACKAGES_MAX + 1])
{
	uint64_t dt_ns = sample->monotonic_ns - estimate->monotonic_ns;

	for (size_t i = 0; i < estimate->n_busy && i < sample->n_cpus; i++) {
		uint64_t now_ns = sample->cpus[i].busy_ns;

		if (now_ns <= estimate->busy_ns[i])
			continue;
		now_ns -= estimate->busy_ns[i];
		estimate->busy_ns[i] += now_ns;
		busy_ns[estimate->package_of[i]] += now_ns < dt_ns ? now_ns : dt_ns;
	}
	estimate->monotonic_ns = sample->monotonic_ns;
	return dt_ns;
}

static void estimate_read(
	void *source, struct sample *sample, int error[MACHINE_ZONES_MAX])
{
	uint64_t busy_ns[MACHINE_PACKAGES_MAX + 1] = { 0 };
	struct estimate *estimate = source;
	uint64_t dt_ns = advance(estimate, sample, busy_ns);

	sample->n_zones = estimate->n_packages;
	for (size_t i = 0; i < estimate->n_packages; i++) {
		struct estimate_counter *counter = find_counter(
			estimate, estimate->physical_id[i]);
		uint64_t range_uw = estimate->full_uw - estimate->idle_uw;

		sample->zones[i] = (struct sample_zone){ 0 };
		error[i] = counter ? 0 : -ENOMEM;
		if (!counter)
			continue;
		counter->energy_fj += (unsigned __int128)estimate->idle_uw * dt_ns;
		if (estimate->cpus_in_package[i] > 0)
			counter->energy_fj += (unsigned __int128)range_uw * busy_ns[i] /
					      estimate->cpus_in_package[i];
		sample->zones[i].valid = true;
		sample->zones[i].energy_uj = (uint64_t)(counter->energy_fj /
							FEMTOJOULES_PER_UJ);
	}
}

static void estimate_describe(void *source, size_t zone, char *text, size_t size)
{
	const struct estimate *estimate = source;

	snprintf(text, size, "estimate of package %u", estimate->physical_id[zone]);
}

const struct energy_ops estimate_ops = {
	.name = "estimate",
	.open = estimate_open,
	.scan = estimate_scan,
	.read = estimate_read,
	.describe = estimate_describe,
	.close = estimate_close,
};
