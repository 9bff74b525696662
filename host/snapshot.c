/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A published tick: one reference-counted arena, and the box it is taken from. */
#include "host/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Enough for the texts of some dozens of domains. */
#define CHUNK_SIZE 8192

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t data[];
};

/* The snapshot is the first member: a pointer to it is one to the block. */
struct block {
	struct snapshot snapshot;
	atomic_uint refs;
	struct chunk *chunks;
};

static struct block *block_of(const struct snapshot *snapshot)
{
	return (struct block *)snapshot;
}

static void *chunks_alloc(struct chunk **chunks, size_t bytes)
{
	struct chunk *chunk = *chunks;
	void *memory;

	bytes = (bytes + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!chunk || chunk->size - chunk->used < bytes) {
		size_t size = bytes > CHUNK_SIZE ? bytes : CHUNK_SIZE;

		chunk = calloc(1, sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		chunk->size = size;
		chunk->next = *chunks;
		*chunks = chunk;
	}
	memory = (char *)chunk->data + chunk->used;
	chunk->used += bytes;
	return memory;
}

void *snapshot_alloc(struct snapshot *snapshot, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	return chunks_alloc(&block_of(snapshot)->chunks, bytes);
}

const char *snapshot_copy_text(struct snapshot *snapshot, const char *text)
{
	char *copy;
	size_t size;

	if (!text)
		return NULL;
	size = strlen(text) + 1;
	copy = snapshot_alloc(snapshot, size, 1);
	return copy ? memcpy(copy, text, size) : NULL;
}

struct snapshot *snapshot_new(size_t n_zones, size_t n_domains)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	struct block *block = calloc(1, sizeof(*block));
	struct snapshot_share *shares;
	size_t n_shares;

	if (!block)
		return NULL;
	snapshot = &block->snapshot;
	atomic_init(&block->refs, 1);
	if (__builtin_mul_overflow(n_zones, n_domains, &n_shares))
		return NULL;
	snapshot->zones = snapshot_alloc(snapshot, n_zones, sizeof(*snapshot->zones));
	snapshot->domains = snapshot_alloc(
		snapshot, n_domains, sizeof(*snapshot->domains));
	shares = snapshot_alloc(snapshot, n_shares, sizeof(*shares));
	if (!snapshot->zones || !snapshot->domains || !shares)
		return NULL;
	snapshot->n_zones = n_zones;
	snapshot->n_domains = n_domains;
	for (size_t i = 0; i < n_domains; i++) {
		snapshot->domains[i].labels = "";
		snapshot->domains[i].zones = shares + i * n_zones;
	}
	return steal_pointer(&snapshot);
}

size_t snapshot_size(const struct snapshot *snapshot)
{
	size_t size = sizeof(struct block);

	for (const struct chunk *chunk = block_of(snapshot)->chunks; chunk;
		chunk = chunk->next)
		size += sizeof(*chunk) + chunk->size;
	return size;
}

struct snapshot *snapshot_ref(const struct snapshot *snapshot)
{
	if (snapshot)
		atomic_fetch_add_explicit(
			&block_of(snapshot)->refs, 1, memory_order_relaxed);
	return (struct snapshot *)snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	struct block *block;

	if (!snapshot)
		return;
	block = block_of(snapshot);
	if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (struct chunk *chunk = block->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(block);
}

double snapshot_watts(uint64_t uj, uint64_t dt_ns)
{
	/* uJ / ns is kW. */
	return dt_ns ? (double)uj / (double)dt_ns * 1000.0 : 0.0;
}

bool snapshot_is_estimate(const struct snapshot *snapshot)
{
	return snapshot->source && strcmp(snapshot->source, "estimate") == 0;
}

bool snapshot_zone_is_shared(const struct snapshot_zone *zone)
{
	return zone->kind == MACHINE_ZONE_PACKAGE || zone->kind == MACHINE_ZONE_DRAM;
}

double snapshot_zone_watts(const struct snapshot_zone *zone, uint64_t uj)
{
	return snapshot_watts(uj, zone->last_ns);
}

struct snapshot_power snapshot_domain_power(
	const struct snapshot *snapshot, const struct snapshot_domain *domain)
{
	struct snapshot_power power = { 0 };

	for (size_t i = 0; i < snapshot->n_zones; i++) {
		const struct snapshot_zone *zone = &snapshot->zones[i];
		const struct tick_share *last = &domain->zones[i].last;

		if (!snapshot_zone_is_shared(zone))
			continue;
		power.dynamic_w += snapshot_zone_watts(zone, last->dynamic_uj);
		power.idle_w += snapshot_zone_watts(zone, last->idle_uj);
	}
	return power;
}

struct tick_share snapshot_domain_sum(
	const struct snapshot *snapshot, const struct snapshot_domain *domain)
{
	struct tick_share sum = { 0 };

	for (size_t i = 0; i < snapshot->n_zones; i++) {
		if (!snapshot_zone_is_shared(&snapshot->zones[i]))
			continue;
		sum.dynamic_uj += domain->zones[i].sum.dynamic_uj;
		sum.idle_uj += domain->zones[i].sum.idle_uj;
	}
	return sum;
}

static bool same_zones(const struct snapshot *a, const struct snapshot *b)
{
	for (size_t i = 0; i < a->n_zones; i++) {
		const struct snapshot_zone *x = &a->zones[i], *y = &b->zones[i];

		if (strcmp(x->name, y->name) != 0 || x->package != y->package ||
			x->idle_origin != y->idle_origin)
			return false;
	}
	return true;
}

static bool same_domains(const struct snapshot *a, const struct snapshot *b)
{
	for (size_t i = 0; i < a->n_domains; i++) {
		const struct snapshot_domain *x = &a->domains[i], *y = &b->domains[i];

		if (uuid_compare(&x->uuid, &y->uuid) != 0 ||
			strcmp(x->name, y->name) != 0 ||
			strcmp(x->labels, y->labels) != 0 ||
			x->link.state != y->link.state)
			return false;
	}
	for (size_t i = 0; i < a->n_lingering; i++) {
		if (uuid_compare(&a->lingering[i].uuid, &b->lingering[i].uuid) != 0)
			return false;
	}
	return true;
}

bool snapshot_has_same_series(const struct snapshot *a, const struct snapshot *b)
{
	return a->n_zones == b->n_zones && a->n_domains == b->n_domains &&
	       a->n_lingering == b->n_lingering && strcmp(a->source, b->source) == 0 &&
	       same_zones(a, b) && same_domains(a, b);
}

struct snapshot_account snapshot_since_boot(const struct snapshot *snapshot, size_t zone)
{
	struct snapshot_account boot = snapshot->zones[zone].boot;

	for (size_t i = 0; i < snapshot->n_lingering; i++) {
		boot.ended.dynamic_uj += snapshot->lingering[i].zones[zone].dynamic_uj;
		boot.ended.idle_uj += snapshot->lingering[i].zones[zone].idle_uj;
	}
	return boot;
}

const struct snapshot_domain *snapshot_find_domain(
	const struct snapshot *snapshot, const struct uuid *uuid)
{
	size_t low = 0, high = snapshot->n_domains;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = uuid_compare(&snapshot->domains[middle].uuid, uuid);

		if (order == 0)
			return &snapshot->domains[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void snapshot_box_init(struct snapshot_box *box)
{
	pthread_mutex_init(&box->lock, NULL);
	box->newest = box->coarse = NULL;
}

void snapshot_box_deinit(struct snapshot_box *box)
{
	snapshot_unref(box->newest);
	snapshot_unref(box->coarse);
	pthread_mutex_destroy(&box->lock);
}

void snapshot_box_publish(
	struct snapshot_box *box, struct snapshot *snapshot, bool coarse)
{
	struct snapshot *before, *coarse_before = NULL;

	pthread_mutex_lock(&box->lock);
	before = box->newest;
	box->newest = snapshot;
	if (coarse) {
		coarse_before = box->coarse;
		box->coarse = snapshot_ref(snapshot);
	}
	pthread_mutex_unlock(&box->lock);
	snapshot_unref(before);
	snapshot_unref(coarse_before);
}

static struct snapshot *take(struct snapshot_box *box, struct snapshot *const *from)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&box->lock);
	snapshot = snapshot_ref(*from);
	pthread_mutex_unlock(&box->lock);
	return snapshot;
}

struct snapshot *snapshot_box_take(struct snapshot_box *box)
{
	return take(box, &box->newest);
}

struct snapshot *snapshot_box_take_coarse(struct snapshot_box *box)
{
	return take(box, &box->coarse);
}
