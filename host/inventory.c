/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A sorted list of domains. Pure. */
#include "host/inventory.h"
#include "shared/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The place of the UUID: of the first domain that does not come before it. */
static size_t find_place(const struct inventory *inventory, const struct uuid *uuid)
{
	size_t low = 0, high = inventory->n_domains;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (uuid_compare(&inventory->domains[middle].uuid, uuid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(
	const struct inventory *inventory, size_t place, const struct uuid *uuid)
{
	return place < inventory->n_domains &&
	       uuid_compare(&inventory->domains[place].uuid, uuid) == 0;
}

const struct inventory_domain *inventory_find(
	const struct inventory *inventory, const struct uuid *uuid)
{
	size_t place = find_place(inventory, uuid);

	return is_at(inventory, place, uuid) ? &inventory->domains[place] : NULL;
}

int inventory_put(struct inventory *inventory, struct inventory_domain *domain)
{
	size_t place = find_place(inventory, &domain->uuid);

	if (is_at(inventory, place, &domain->uuid)) {
		inventory_domain_deinit(&inventory->domains[place]);
	} else {
		if (array_resize(&inventory->domains, inventory->n_domains + 1) < 0)
			return -ENOMEM;
		memmove(inventory->domains + place + 1, inventory->domains + place,
			(inventory->n_domains - place) * sizeof(*inventory->domains));
		inventory->n_domains++;
	}
	inventory->domains[place] = *domain;
	*domain = (struct inventory_domain){ 0 };
	return 0;
}

bool inventory_remove(struct inventory *inventory, const struct uuid *uuid)
{
	size_t place = find_place(inventory, uuid);

	if (!is_at(inventory, place, uuid))
		return false;
	inventory_domain_deinit(&inventory->domains[place]);
	inventory->n_domains--;
	memmove(inventory->domains + place, inventory->domains + place + 1,
		(inventory->n_domains - place) * sizeof(*inventory->domains));
	return true;
}

int inventory_domain_copy(
	const struct inventory_domain *domain, struct inventory_domain *ret_copy)
{
	struct inventory_domain copy = *domain;

	copy.name = strdup(domain->name);
	copy.labels = domain->labels ? strdup(domain->labels) : NULL;
	copy.channel_path = domain->channel_path ? strdup(domain->channel_path) : NULL;
	if (!copy.name || (domain->labels && !copy.labels) ||
		(domain->channel_path && !copy.channel_path)) {
		inventory_domain_deinit(&copy);
		return -ENOMEM;
	}
	*ret_copy = copy;
	return 0;
}

int inventory_copy(const struct inventory *inventory, struct inventory **ret_copy)
{
	struct inventory *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	copy->connected = inventory->connected;
	copy->domains = calloc(inventory->n_domains + 1, sizeof(*copy->domains));
	if (!copy->domains)
		goto no_memory;
	for (size_t i = 0; i < inventory->n_domains; i++) {
		if (inventory_domain_copy(&inventory->domains[i], &copy->domains[i]) < 0)
			goto no_memory;
		copy->n_domains++;
	}
	*ret_copy = copy;
	return 0;

no_memory:
	inventory_free(copy);
	return -ENOMEM;
}

static bool texts_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool domains_equal(
	const struct inventory_domain *a, const struct inventory_domain *b)
{
	return uuid_compare(&a->uuid, &b->uuid) == 0 && a->id == b->id &&
	       a->paused == b->paused && a->n_vcpus == b->n_vcpus &&
	       a->max_vcpus == b->max_vcpus &&
	       a->vcpus_per_socket == b->vcpus_per_socket &&
	       a->memory_kib == b->memory_kib && texts_equal(a->name, b->name) &&
	       texts_equal(a->labels, b->labels) &&
	       texts_equal(a->channel_path, b->channel_path);
}

bool inventory_equal(const struct inventory *a, const struct inventory *b)
{
	if (a->connected != b->connected || a->n_domains != b->n_domains)
		return false;
	for (size_t i = 0; i < a->n_domains; i++) {
		if (!domains_equal(&a->domains[i], &b->domains[i]))
			return false;
	}
	return true;
}

void inventory_domain_deinit(struct inventory_domain *domain)
{
	free(domain->name);
	free(domain->labels);
	free(domain->channel_path);
	*domain = (struct inventory_domain){ 0 };
}

void inventory_free(struct inventory *inventory)
{
	if (!inventory)
		return;
	for (size_t i = 0; i < inventory->n_domains; i++)
		inventory_domain_deinit(&inventory->domains[i]);
	free(inventory->domains);
	free(inventory);
}
