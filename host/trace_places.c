/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From places to packages. */
#include "host/trace_places.h"
#include "shared/array.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int trace_places_add_cpu(struct trace_places *places, const struct trace_cpu *cpu)
{
	if (array_reserve(&places->cpus, &places->cpus_size, places->n_cpus + 1) < 0)
		return -ENOMEM;
	places->cpus[places->n_cpus++] = *cpu;
	return 0;
}

/* Whether a socket's energy is counted by die. */
static bool has_die_zones(const struct trace_places *places,
	const struct machine *machine, uint16_t physical_id)
{
	for (size_t i = 0; i < machine->n_zones; i++) {
		const struct trace_place *place = &places->zones[i];

		if (machine->zones[i].kind == MACHINE_ZONE_PACKAGE &&
			place->physical_id == physical_id && place->die_id >= 0)
			return true;
	}
	return false;
}

/* What the place's package is called, in a machine. */
static struct trace_place normalize(const struct trace_places *places,
	const struct machine *machine, struct trace_place place)
{
	if (!has_die_zones(places, machine, place.physical_id))
		place.die_id = -1;
	else if (place.die_id < 0)
		place.die_id = 0;
	return place;
}

/* The index of the place's package, or where it would be added. */
static size_t find_package(
	const struct machine *machine, struct trace_place place, bool *ret_found)
{
	size_t at = 0;

	for (; at < machine->n_packages; at++) {
		const struct machine_package *other = &machine->packages[at];

		if (other->physical_id > place.physical_id ||
			(other->physical_id == place.physical_id &&
				other->die_id >= place.die_id))
			break;
	}
	*ret_found = at < machine->n_packages &&
		     machine->packages[at].physical_id == place.physical_id &&
		     machine->packages[at].die_id == place.die_id;
	return at;
}

static int add_package(const struct trace_places *places, struct machine *machine,
	struct trace_place place, char error[TRACE_ERROR_SIZE])
{
	struct trace_place normal = normalize(places, machine, place);
	bool found;
	size_t at = find_package(machine, normal, &found);

	if (found)
		return 0;
	if (machine->n_packages == MACHINE_PACKAGES_MAX)
		return trace_error(error, "more than %d packages", MACHINE_PACKAGES_MAX);
	memmove(&machine->packages[at + 1], &machine->packages[at],
		(machine->n_packages - at) * sizeof(machine->packages[0]));
	machine->packages[at] = (struct machine_package){
		.physical_id = normal.physical_id, .die_id = normal.die_id
	};
	machine->n_packages++;
	return 0;
}

static uint16_t package_of(const struct trace_places *places,
	const struct machine *machine, struct trace_place place)
{
	bool found;

	return (uint16_t)find_package(machine, normalize(places, machine, place), &found);
}

static int place_zones(const struct trace_places *places, struct machine *machine,
	char error[TRACE_ERROR_SIZE])
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine->n_zones; i++) {
		if (machine->zones[i].kind != MACHINE_ZONE_PSYS)
			r = add_package(places, machine, places->zones[i], error);
	}
	for (size_t i = 0; r == 0 && i < places->n_cpus; i++) {
		if (places->cpus[i].cpu.online)
			r = add_package(places, machine, places->cpus[i].place, error);
	}
	for (size_t i = 0; r == 0 && i < machine->n_zones; i++) {
		if (machine->zones[i].kind != MACHINE_ZONE_PSYS)
			machine->zones[i].package = package_of(
				places, machine, places->zones[i]);
	}
	return r;
}

static int place_cpus(const struct trace_places *places, struct machine *machine,
	char error[TRACE_ERROR_SIZE])
{
	uint64_t seen[TRACE_CPUS_MAX / 64] = { 0 };

	for (size_t i = 0; i < places->n_cpus; i++) {
		if (places->cpus[i].number >= machine->n_cpus)
			machine->n_cpus = places->cpus[i].number + (size_t)1;
	}
	if (machine->n_cpus == 0)
		return trace_error(error, "\"cpus\" is empty");
	machine->cpus = calloc(machine->n_cpus, sizeof(*machine->cpus));
	if (!machine->cpus)
		return -ENOMEM;
	for (size_t i = 0; i < places->n_cpus; i++) {
		const struct trace_cpu *cpu = &places->cpus[i];
		struct machine_cpu *placed = &machine->cpus[cpu->number];

		if (seen[cpu->number / 64] >> cpu->number % 64 & 1)
			return trace_error(error, "CPU %u is there twice", cpu->number);
		seen[cpu->number / 64] |= UINT64_C(1) << cpu->number % 64;
		if (!cpu->cpu.online)
			continue;
		*placed = cpu->cpu;
		placed->package = package_of(places, machine, cpu->place);
		machine->packages[placed->package].n_cpus++;
	}
	return 0;
}

/* Of each CPU without a core, one that no other has: there are far more than CPUs. */
static void give_cores(const struct trace_places *places, struct machine *machine)
{
	uint64_t taken[(UINT16_MAX + 1) / 64] = { 0 };
	uint16_t core = 0;

	for (size_t i = 0; i < places->n_cpus; i++) {
		const struct trace_cpu *cpu = &places->cpus[i];

		if (cpu->has_core)
			taken[cpu->cpu.core / 64] |= UINT64_C(1) << cpu->cpu.core % 64;
	}
	for (size_t i = 0; i < places->n_cpus; i++) {
		if (places->cpus[i].has_core || !places->cpus[i].cpu.online)
			continue;
		while (taken[core / 64] >> core % 64 & 1)
			core++;
		machine->cpus[places->cpus[i].number].core = core++;
	}
}

int trace_places_resolve(const struct trace_places *places, char error[TRACE_ERROR_SIZE],
	struct machine *machine)
{
	int r = place_zones(places, machine, error);

	if (r == 0)
		r = place_cpus(places, machine, error);
	if (r == 0)
		give_cores(places, machine);
	return r;
}

void trace_places_deinit(struct trace_places *places)
{
	free(places->cpus);
	*places = (struct trace_places){ 0 };
}
