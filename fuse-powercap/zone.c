/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The zone model: which zones there may be, their ids and their locked limits. */
#include "fuse-powercap/zone.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * Guests may read the limits to judge what a zone can draw, so they are at the
 * upper end of what one socket draws; the windows are those Xeons report.
 */
static const struct powercap_constraint package_constraints[] = {
	{ "long_term", 400000000, 999424, 400000000 },
	{ "short_term", 480000000, 2440, 800000000 },
};

static const struct powercap_constraint dram_constraints[] = {
	{ "long_term", 0, 976, 122000000 },
};

static bool is_package(const struct powercap_zone *zone)
{
	return zone->parent == POWERCAP_ZONE_NO_PARENT;
}

static unsigned int count_children(const struct powercap_model *model, int parent)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < model->n_zones; i++)
		n += model->zones[i].parent == parent;
	return n;
}

/* The one name a zone with that parent can have now; -EINVAL without such a parent. */
static int expect_name(const struct powercap_model *model, int parent, unsigned int index,
	char name[POWERCAP_ZONE_NAME_SIZE])
{
	if (parent == POWERCAP_ZONE_NO_PARENT) {
		snprintf(name, POWERCAP_ZONE_NAME_SIZE, "package-%u", index % 100);
		return 0;
	}
	if (parent < 0 || (unsigned int)parent >= model->n_zones ||
		!is_package(&model->zones[parent]) || index > 0)
		return -EINVAL;
	memcpy(name, "dram", sizeof("dram"));
	return 0;
}

int powercap_model_add(struct powercap_model *model, const char *name,
	uint64_t max_energy_range_uj, int parent)
{
	struct powercap_zone zone = {
		.max_energy_range_uj = max_energy_range_uj,
		.parent = parent,
		.index = count_children(model, parent),
	};
	int r;

	if (max_energy_range_uj < 2 || max_energy_range_uj > INT64_MAX)
		return -EINVAL;
	r = expect_name(model, parent, zone.index, zone.name);
	if (r < 0)
		return r;
	if (strcmp(name, zone.name) != 0)
		return -EINVAL;
	if (model->n_zones == POWERCAP_ZONES_MAX ||
		(is_package(&zone) && zone.index == POWERCAP_PACKAGES_MAX))
		return -ENOSPC;
	model->zones[model->n_zones++] = zone;
	return 0;
}

const struct powercap_constraint *powercap_zone_constraint(
	const struct powercap_zone *zone, unsigned int id)
{
	if (is_package(zone))
		return id < 2 ? &package_constraints[id] : NULL;
	return id < 1 ? &dram_constraints[id] : NULL;
}

void powercap_model_format_id(const struct powercap_model *model, unsigned int zone,
	char id[POWERCAP_ZONE_ID_SIZE])
{
	const struct powercap_zone *z = &model->zones[zone];

	if (is_package(z))
		snprintf(id, POWERCAP_ZONE_ID_SIZE, "intel-rapl:%x", z->index);
	else
		snprintf(id, POWERCAP_ZONE_ID_SIZE, "intel-rapl:%x:%x",
			model->zones[z->parent].index, z->index);
}
