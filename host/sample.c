/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Samples: memory and look-up. */
#include "host/sample.h"
#include "shared/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The arrays start with this many elements, then double. */
#define SAMPLE_ARRAY_MIN 16

/* Room for n elements of the array at *array, of which it has *size. */
void sample_clear(struct sample *sample)
{
	sample->boottime_ns = 0;
	sample->monotonic_ns = 0;
	sample->n_zones = 0;
	sample->n_cpus = 0;
	sample->n_domains = 0;
	sample->n_nodes = 0;
	sample->n_threads = 0;
}

int sample_reserve_cpus(struct sample *sample, size_t n)
{
	return array_reserve(&sample->cpus, &sample->cpus_size, n);
}

int sample_reserve_nodes(struct sample *sample, size_t n)
{
	size_t n_cells = sample->n_domains * n;

	sample->n_nodes = 0;
	if (array_reserve(&sample->resident_kib, &sample->resident_size, n_cells) < 0)
		return -ENOMEM;
	sample->n_nodes = n;
	if (n_cells > 0)
		memset(sample->resident_kib, 0, n_cells * sizeof(*sample->resident_kib));
	return 0;
}

struct sample_domain *sample_add_domain(struct sample *sample)
{
	struct sample_domain *domain;

	if (array_reserve(
		    &sample->domains, &sample->domains_size, sample->n_domains + 1) < 0)
		return NULL;
	domain = &sample->domains[sample->n_domains++];
	memset(domain, 0, sizeof(*domain));
	return domain;
}

struct sample_thread *sample_add_thread(struct sample *sample)
{
	struct sample_thread *thread;

	if (array_reserve(
		    &sample->threads, &sample->threads_size, sample->n_threads + 1) < 0)
		return NULL;
	thread = &sample->threads[sample->n_threads++];
	memset(thread, 0, sizeof(*thread));
	return thread;
}

/* memcpy() takes no NULL, not even for nothing. */
static void copy_array(void *to, const void *from, size_t n, size_t element_size)
{
	if (n > 0)
		memcpy(to, from, n * element_size);
}

int sample_copy(struct sample *to, const struct sample *from)
{
	sample_clear(to);
	if (sample_reserve_cpus(to, from->n_cpus) < 0 ||
		array_reserve(&to->domains, &to->domains_size, from->n_domains) < 0 ||
		array_reserve(&to->resident_kib, &to->resident_size,
			from->n_domains * from->n_nodes) < 0 ||
		array_reserve(&to->threads, &to->threads_size, from->n_threads) < 0)
		return -ENOMEM;
	to->boottime_ns = from->boottime_ns;
	to->monotonic_ns = from->monotonic_ns;
	to->n_zones = from->n_zones;
	copy_array(to->zones, from->zones, from->n_zones, sizeof(*to->zones));
	to->n_cpus = from->n_cpus;
	copy_array(to->cpus, from->cpus, from->n_cpus, sizeof(*to->cpus));
	to->n_domains = from->n_domains;
	copy_array(to->domains, from->domains, from->n_domains, sizeof(*to->domains));
	to->n_nodes = from->n_nodes;
	copy_array(to->resident_kib, from->resident_kib, from->n_domains * from->n_nodes,
		sizeof(*to->resident_kib));
	to->n_threads = from->n_threads;
	copy_array(to->threads, from->threads, from->n_threads, sizeof(*to->threads));
	return 0;
}

static int compare_domain(const void *key, const void *element)
{
	return uuid_compare(key, &((const struct sample_domain *)element)->uuid);
}

const struct sample_domain *sample_find_domain(
	const struct sample *sample, const struct uuid *uuid)
{
	if (sample->n_domains == 0)
		return NULL;
	return bsearch(uuid, sample->domains, sample->n_domains, sizeof(*sample->domains),
		compare_domain);
}

void sample_deinit(struct sample *sample)
{
	free(sample->cpus);
	free(sample->domains);
	free(sample->resident_kib);
	free(sample->threads);
	memset(sample, 0, sizeof(*sample));
}
