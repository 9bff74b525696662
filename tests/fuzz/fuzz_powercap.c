/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Zones of a powercap tree from arbitrary bytes: each line is a path, a name, a parent's
 * number and the energy, cut by tabs; and the lists of CPUs and the vendor.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cpulist.h"
#include "host/powercap.h"
#include "host/zone_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *next(
	const char **text, const char *end, char separator, size_t *ret_len)
{
	const char *field = *text,
		   *stop = memchr(field, separator, (size_t)(end - field));

	*ret_len = (size_t)((stop ? stop : end) - field);
	*text = stop ? stop + 1 : end;
	return field;
}

static void parse_zone(const char *line, const char *end, struct zone_found *zone)
{
	uint64_t energy_uj, parent = 0;
	const char *field;
	size_t len;

	field = next(&line, end, '\t', &len);
	snprintf(zone->path, sizeof(zone->path), "%.*s", (int)(len < 255 ? len : 255),
		field);
	field = next(&line, end, '\t', &len);
	(void)powercap_parse_name(field, len, zone->name);
	field = next(&line, end, '\t', &len);
	zone->parent = powercap_parse_energy(field, len, &parent) == 0 ? (int16_t)parent
								       : -1;
	field = next(&line, end, '\t', &len);
	if (powercap_parse_energy(field, len, &energy_uj) == 0)
		zone->max_energy_range_uj = energy_uj;
}

static void check(const struct machine *machine, size_t n_found, const uint16_t *source)
{
	assert(machine->n_zones <= MACHINE_ZONES_MAX);
	assert(machine->n_packages > 0 && machine->n_packages <= MACHINE_PACKAGES_MAX);
	for (size_t i = 0; i < machine->n_zones; i++) {
		assert(source[i] < n_found);
		assert(machine->zones[i].package < machine->n_packages);
		for (size_t j = 0; j < i; j++)
			assert(strcmp(machine->zones[i].name, machine->zones[j].name) !=
				0);
	}
	for (size_t i = 0; i < machine->n_cpus; i++)
		assert(machine->cpus[i].package < machine->n_packages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topology_cpu cpus[3] = { { .online = true },
		{ .online = true, .die_id = 1 }, { .online = true, .physical_id = 1 } };
	const struct topology topology = { .n_cpus = 3, .cpus = cpus };
	struct zone_found *found = calloc(ZONE_RULES_FOUND_MAX, sizeof(*found));
	const char *text = (const char *)data, *end = text + size;
	uint16_t source[MACHINE_ZONES_MAX];
	struct cpulist list;
	size_t n = 0;

	if (!found)
		return 0;
	(void)cpulist_parse(text, size, &list);
	(void)zone_rules_one_zone_per_socket(text, size);
	while (text != end && n < ZONE_RULES_FOUND_MAX) {
		size_t len;
		const char *line = next(&text, end, '\n', &len);

		parse_zone(line, line + len, &found[n++]);
	}
	for (int amd = 0; amd < 2; amd++) {
		struct machine machine = { 0 };

		if (zone_rules_apply(found, n, &topology, amd == 1, &machine, source) ==
			0)
			check(&machine, n, source);
		free(machine.cpus);
	}
	free(found);
	return 0;
}
