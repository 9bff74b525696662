/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From the zones found and the topology to the machine. */
#include "config.h"

#include "host/zone_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/number.h"

#define MMIO "intel-rapl-mmio"

/* What a zone says it is, before anybody knows whether it counts. */
struct claim {
	bool counts;
	enum machine_zone_kind kind;
	uint16_t physical_id;
	int16_t die_id; /* -1: the whole socket */
	uint16_t found; /* index into the zones found */
};

struct rules {
	const struct zone_found *found;
	size_t n_found;
	bool one_zone_per_socket;
	size_t n_claims;
	struct claim claims[ZONE_RULES_FOUND_MAX];
	size_t n_packages;
	struct machine_package packages[MACHINE_PACKAGES_MAX];
};

static bool skip(const char **cursor, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(*cursor, prefix, len) != 0)
		return false;
	*cursor += len;
	return true;
}

static bool scan_id(const char **cursor, uint64_t max, uint64_t *ret_id)
{
	return number_scan_u64(cursor, *cursor + strlen(*cursor), ret_id) == 0 &&
	       *ret_id <= max;
}

/* "package-1" or "package-1-die-0". */
static bool parse_package(
	const char *name, uint16_t *ret_physical_id, int16_t *ret_die_id)
{
	uint64_t physical_id, die_id;

	if (!skip(&name, "package-") || !scan_id(&name, UINT16_MAX, &physical_id))
		return false;
	*ret_physical_id = (uint16_t)physical_id;
	*ret_die_id = -1;
	if (*name == '\0')
		return true;
	if (!skip(&name, "-die-") || !scan_id(&name, INT16_MAX, &die_id) || *name != '\0')
		return false;
	*ret_die_id = (int16_t)die_id;
	return true;
}

/* Zones that are named after their kind alone. */
static bool parse_kind(const char *name, enum machine_zone_kind *ret_kind)
{
	static const struct {
		const char *name;
		enum machine_zone_kind kind;
	} kinds[] = {
		{ "dram", MACHINE_ZONE_DRAM },
		{ "core", MACHINE_ZONE_CORE },
		{ "uncore", MACHINE_ZONE_UNCORE },
		{ "psys", MACHINE_ZONE_PSYS },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*ret_kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

bool zone_rules_know(const char *name)
{
	enum machine_zone_kind kind;
	uint16_t physical_id;
	int16_t die_id;

	return parse_package(name, &physical_id, &die_id) || parse_kind(name, &kind);
}

static const char *directory_of(const struct zone_found *zone)
{
	const char *slash = strrchr(zone->path, '/');

	return slash ? slash + 1 : zone->path;
}

/* By its place; in a flat tree by its id: intel-rapl:0:1 is in intel-rapl:0. */
static const struct zone_found *parent_of(const struct rules *rules, size_t index)
{
	const struct zone_found *zone = &rules->found[index];
	const char *id = directory_of(zone), *colon = strrchr(id, ':');

	if (zone->parent >= 0 && (size_t)zone->parent < rules->n_found)
		return &rules->found[zone->parent];
	for (size_t i = 0; colon && i < rules->n_found; i++) {
		const char *other = directory_of(&rules->found[i]);
		size_t len = (size_t)(colon - id);

		if (strncmp(other, id, len) == 0 && other[len] == '\0')
			return &rules->found[i];
	}
	return NULL;
}

static bool claim_zone(const struct rules *rules, size_t index, struct claim *ret_claim)
{
	const struct zone_found *zone = &rules->found[index], *parent;
	struct claim claim = {
		.counts = true, .kind = MACHINE_ZONE_PACKAGE, .found = (uint16_t)index
	};

	if (!parse_package(zone->name, &claim.physical_id, &claim.die_id)) {
		if (!parse_kind(zone->name, &claim.kind))
			return false;
		parent = claim.kind == MACHINE_ZONE_PSYS ? NULL : parent_of(rules, index);
		if (claim.kind == MACHINE_ZONE_PSYS)
			claim.die_id = -1;
		else if (!parent ||
			 !parse_package(parent->name, &claim.physical_id, &claim.die_id))
			return false;
	}
	/* Each of these reads the counter of the socket: they are all the same zone. */
	if (rules->one_zone_per_socket)
		claim.die_id = -1;
	*ret_claim = claim;
	return true;
}

static bool is_mmio(const struct zone_found *zone)
{
	return strncmp(directory_of(zone), MMIO, strlen(MMIO)) == 0;
}

/* A die's zone is inside the socket's, should there be both. */
static bool same_zone(const struct claim *a, const struct claim *b)
{
	return a->kind == b->kind && a->physical_id == b->physical_id &&
	       (a->die_id == b->die_id || a->die_id < 0 || b->die_id < 0);
}

static void collect_claims(struct rules *rules)
{
	for (int mmio = 0; mmio < 2; mmio++) {
		for (size_t i = 0; i < rules->n_found; i++) {
			struct claim *claim = &rules->claims[rules->n_claims];
			bool duplicate = false;

			if (is_mmio(&rules->found[i]) != (mmio == 1) ||
				!claim_zone(rules, i, claim))
				continue;
			for (size_t j = 0; j < rules->n_claims && !duplicate; j++)
				duplicate = same_zone(&rules->claims[j], claim);
			rules->n_claims += !duplicate;
		}
	}
}

static int add_package(struct rules *rules, uint16_t physical_id, int16_t die_id)
{
	struct machine_package package = { .physical_id = physical_id, .die_id = die_id };
	size_t at = 0;

	for (; at < rules->n_packages; at++) {
		const struct machine_package *other = &rules->packages[at];

		if (other->physical_id == physical_id && other->die_id == die_id)
			return 0;
		if (other->physical_id > physical_id ||
			(other->physical_id == physical_id && other->die_id > die_id))
			break;
	}
	if (rules->n_packages == MACHINE_PACKAGES_MAX)
		return -E2BIG;
	memmove(&rules->packages[at + 1], &rules->packages[at],
		(rules->n_packages - at) * sizeof(package));
	rules->packages[at] = package;
	rules->n_packages++;
	return 0;
}

/* Whether the socket's energy is counted by die. */
static bool has_die_zones(const struct rules *rules, uint16_t physical_id)
{
	for (size_t i = 0; i < rules->n_claims; i++) {
		const struct claim *claim = &rules->claims[i];

		if (claim->kind == MACHINE_ZONE_PACKAGE &&
			claim->physical_id == physical_id && claim->die_id >= 0)
			return true;
	}
	return false;
}

static int16_t die_of(const struct rules *rules, const struct topology_cpu *cpu)
{
	return has_die_zones(rules, cpu->physical_id) ? (int16_t)cpu->die_id : -1;
}

static int collect_packages(struct rules *rules, const struct topology *topology)
{
	int r = 0;

	for (size_t i = 0; i < rules->n_claims && r == 0; i++) {
		const struct claim *claim = &rules->claims[i];

		if (claim->kind == MACHINE_ZONE_PACKAGE)
			r = add_package(rules, claim->physical_id, claim->die_id);
	}
	for (size_t i = 0; i < topology->n_cpus && r == 0; i++) {
		const struct topology_cpu *cpu = &topology->cpus[i];

		if (cpu->online)
			r = add_package(rules, cpu->physical_id, die_of(rules, cpu));
	}
	return r;
}

/* -1: none; a child zone whose package zone did not count has none. */
static int find_package(const struct rules *rules, uint16_t physical_id, int16_t die_id)
{
	for (size_t i = 0; i < rules->n_packages; i++) {
		if (rules->packages[i].physical_id == physical_id &&
			rules->packages[i].die_id == die_id)
			return (int)i;
	}
	return -1;
}

static void name_zone(const struct claim *claim, struct machine_zone *zone)
{
	static const char *const names[] = {
		[MACHINE_ZONE_PACKAGE] = "package",
		[MACHINE_ZONE_DRAM] = "dram",
		[MACHINE_ZONE_CORE] = "core",
		[MACHINE_ZONE_UNCORE] = "uncore",
		[MACHINE_ZONE_PSYS] = "psys",
	};
	const char *name = names[claim->kind];

	if (claim->kind == MACHINE_ZONE_PSYS)
		snprintf(zone->name, sizeof(zone->name), "%s", name);
	else if (claim->die_id < 0)
		snprintf(zone->name, sizeof(zone->name), "%s-%u", name,
			claim->physical_id);
	else
		snprintf(zone->name, sizeof(zone->name), "%s-%u-die-%d", name,
			claim->physical_id, claim->die_id);
}

static void add_zone(const struct rules *rules, const struct claim *claim, int package,
	struct machine *machine, uint16_t source[MACHINE_ZONES_MAX])
{
	const struct zone_found *found = &rules->found[claim->found];
	struct machine_zone *zone;

	if (machine->n_zones == MACHINE_ZONES_MAX)
		return;
	source[machine->n_zones] = claim->found;
	zone = &machine->zones[machine->n_zones++];
	*zone = (struct machine_zone){
		.kind = claim->kind,
		.package = (uint16_t)package,
		.max_energy_range_uj = found->max_energy_range_uj,
		.max_power_uw = found->max_power_uw,
	};
	name_zone(claim, zone);
}

/*
 * Package and dram, which are shared out, come before what only informs, so that
 * the cap takes the latter away first.
 */
static void collect_zones(const struct rules *rules, struct machine *machine,
	uint16_t source[MACHINE_ZONES_MAX])
{
	static const enum machine_zone_kind order[][2] = {
		{ MACHINE_ZONE_PACKAGE, MACHINE_ZONE_DRAM },
		{ MACHINE_ZONE_CORE, MACHINE_ZONE_UNCORE },
	};

	machine->n_zones = 0;
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t p = 0; p < rules->n_packages; p++) {
			for (size_t i = 0; i < 2 * rules->n_claims; i++) {
				const struct claim *claim =
					&rules->claims[i % rules->n_claims];

				if (claim->kind == order[pass][i / rules->n_claims] &&
					find_package(rules, claim->physical_id,
						claim->die_id) == (int)p)
					add_zone(rules, claim, (int)p, machine, source);
			}
		}
	}
	for (size_t i = 0; i < rules->n_claims; i++) {
		if (rules->claims[i].kind == MACHINE_ZONE_PSYS)
			add_zone(rules, &rules->claims[i], 0, machine, source);
	}
}

static int collect_cpus(
	struct rules *rules, const struct topology *topology, struct machine *machine)
{
	struct machine_cpu *cpus = calloc(topology->n_cpus, sizeof(*cpus));

	if (!cpus)
		return -ENOMEM;
	for (size_t i = 0; i < topology->n_cpus; i++) {
		const struct topology_cpu *cpu = &topology->cpus[i];
		int package;

		if (!cpu->online)
			continue;
		package = find_package(rules, cpu->physical_id, die_of(rules, cpu));
		cpus[i] = (struct machine_cpu){
			.online = true,
			.package = (uint16_t)package,
			.core = cpu->core,
			.node = cpu->node,
		};
		rules->packages[package].n_cpus++;
	}
	machine->cpus = cpus;
	machine->n_cpus = topology->n_cpus;
	machine->n_nodes = topology->n_nodes;
	memcpy(machine->node_memory_kib, topology->node_memory_kib,
		sizeof(machine->node_memory_kib));
	return 0;
}

int zone_rules_apply(const struct zone_found *found, size_t n_found,
	const struct topology *topology, bool one_zone_per_socket,
	struct machine *machine, uint16_t ret_source[MACHINE_ZONES_MAX])
{
	struct rules rules = {
		.found = found,
		.n_found = n_found < ZONE_RULES_FOUND_MAX ? n_found
							  : ZONE_RULES_FOUND_MAX,
		.one_zone_per_socket = one_zone_per_socket,
	};
	int r;

	collect_claims(&rules);
	r = collect_packages(&rules, topology);
	if (r < 0)
		return r;
	r = collect_cpus(&rules, topology, machine);
	if (r < 0)
		return r;
	machine->n_packages = rules.n_packages;
	memcpy(machine->packages, rules.packages, sizeof(rules.packages));
	collect_zones(&rules, machine, ret_source);
	return 0;
}

bool zone_rules_one_zone_per_socket(const char *cpuinfo, size_t len)
{
	static const char key[] = "vendor_id";
	const char *line = cpuinfo, *end = cpuinfo + len;

	while (line != end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end;
		size_t n = (size_t)(stop - line);

		if (n > sizeof(key) - 1 && memcmp(line, key, sizeof(key) - 1) == 0)
			return memmem(line, n, "AuthenticAMD", 12) != NULL ||
			       memmem(line, n, "HygonGenuine", 12) != NULL;
		line = newline ? newline + 1 : end;
	}
	return false;
}
