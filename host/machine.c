/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Whether two descriptions are of the same machine. */
#include "host/machine.h"

#include <string.h>

static bool same_zones(const struct machine *a, const struct machine *b)
{
	if (a->n_zones != b->n_zones)
		return false;
	for (size_t i = 0; i < a->n_zones; i++) {
		const struct machine_zone *x = &a->zones[i], *y = &b->zones[i];

		if (strcmp(x->name, y->name) != 0 || x->kind != y->kind ||
			x->package != y->package || x->max_power_uw != y->max_power_uw ||
			x->max_energy_range_uj != y->max_energy_range_uj)
			return false;
	}
	return true;
}

static bool same_packages(const struct machine *a, const struct machine *b)
{
	if (a->n_packages != b->n_packages)
		return false;
	for (size_t i = 0; i < a->n_packages; i++) {
		const struct machine_package *x = &a->packages[i], *y = &b->packages[i];

		if (x->physical_id != y->physical_id || x->die_id != y->die_id ||
			x->n_cpus != y->n_cpus)
			return false;
	}
	return true;
}

static bool same_cpus(const struct machine *a, const struct machine *b)
{
	if (a->n_cpus != b->n_cpus)
		return false;
	for (size_t i = 0; i < a->n_cpus; i++) {
		const struct machine_cpu *x = &a->cpus[i], *y = &b->cpus[i];

		if (x->online != y->online || x->package != y->package ||
			x->core != y->core || x->node != y->node)
			return false;
	}
	return true;
}

bool machine_is_same(const struct machine *a, const struct machine *b)
{
	return same_zones(a, b) && same_packages(a, b) && same_cpus(a, b);
}
