/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The table of host/since_boot.h as bytes: words of 64 bits, little-endian, names
 * filled up with zeros; a checksum last. For this machine and this boot only.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/fnv.h"
#include "host/since_boot.h"
#include "shared/cleanup.h"

/* "vmpboot" and the version. */
#define MAGIC UINT64_C(0x01746f6f62706d76)

/* More than libvirt lets anybody use. */
#define DOMAINS_MAX  (1u << 20)
#define NAME_MAX_LEN 4095

/* Goes over the bytes; measuring, encoding and decoding are one walk over the fields. */
struct cursor {
	uint8_t *out;	   /* NULL: not encoding */
	const uint8_t *in; /* NULL: not decoding */
	size_t at, size;
	int error;
};

static void walk_bytes(struct cursor *cursor, void *bytes, size_t size)
{
	if (cursor->error)
		return;
	if ((cursor->in || cursor->out) && size > cursor->size - cursor->at) {
		cursor->error = -EBADMSG;
		return;
	}
	if (cursor->out)
		memcpy(cursor->out + cursor->at, bytes, size);
	else if (cursor->in)
		memcpy(bytes, cursor->in + cursor->at, size);
	cursor->at += size;
}

static void walk_word(struct cursor *cursor, uint64_t *word)
{
	uint64_t little = htole64(*word);

	walk_bytes(cursor, &little, sizeof(little));
	if (cursor->in && !cursor->error)
		*word = le64toh(little);
}

/* A count of at most max. */
static size_t walk_count(struct cursor *cursor, size_t count, size_t max)
{
	uint64_t word = count;

	walk_word(cursor, &word);
	if (word > max && !cursor->error)
		cursor->error = -EBADMSG;
	return cursor->error ? 0 : (size_t)word;
}

static void walk_share(struct cursor *cursor, struct tick_share *share)
{
	walk_word(cursor, &share->dynamic_uj);
	walk_word(cursor, &share->idle_uj);
}

static void walk_zone(struct cursor *cursor, struct since_boot_zone *zone)
{
	walk_bytes(cursor, zone->name, sizeof(zone->name));
	if (zone->name[sizeof(zone->name) - 1] && !cursor->error)
		cursor->error = -EBADMSG;
	walk_word(cursor, &zone->base.total_uj);
	walk_word(cursor, &zone->base.unattributed_uj);
	walk_share(cursor, &zone->base.host);
	walk_share(cursor, &zone->base.ended);
}

static void walk_name(struct cursor *cursor, char **name)
{
	size_t len = walk_count(cursor, *name ? strlen(*name) : 0, NAME_MAX_LEN);

	if (cursor->in && !cursor->error) {
		*name = calloc(1, len + 1);
		if (!*name)
			cursor->error = -ENOMEM;
	}
	if (!cursor->error)
		walk_bytes(cursor, *name, len);
}

static void walk_domain(
	struct cursor *cursor, struct since_boot_domain *domain, size_t n_zones)
{
	walk_bytes(cursor, domain->uuid.bytes, sizeof(domain->uuid.bytes));
	walk_name(cursor, &domain->name);
	if (cursor->in && !cursor->error) {
		domain->zones = calloc(n_zones ? n_zones : 1, sizeof(*domain->zones));
		if (!domain->zones)
			cursor->error = -ENOMEM;
	}
	for (size_t z = 0; z < n_zones && !cursor->error; z++) {
		walk_share(cursor, &domain->zones[z].base);
		if (cursor->in)
			domain->zones[z].last = domain->zones[z].base;
	}
}

static bool are_sorted(const struct since_boot *table)
{
	for (size_t i = 1; i < table->n_domains; i++) {
		if (uuid_compare(&table->domains[i - 1].uuid, &table->domains[i].uuid) >=
			0)
			return false;
	}
	return true;
}

static void walk_domains(struct cursor *cursor, struct since_boot *table)
{
	size_t n = walk_count(cursor, table->n_domains, DOMAINS_MAX);

	if (cursor->in) {
		/* Each takes that much at least. */
		if (n > cursor->size / sizeof(struct uuid))
			cursor->error = -EBADMSG;
		else
			table->domains = calloc(n ? n : 1, sizeof(*table->domains));
		if (!cursor->error && !table->domains)
			cursor->error = -ENOMEM;
		if (cursor->error)
			return;
		table->n_domains = n;
	}
	for (size_t i = 0; i < n && !cursor->error; i++)
		walk_domain(cursor, &table->domains[i], table->n_zones);
	if (cursor->in && !cursor->error && !are_sorted(table))
		cursor->error = -EBADMSG;
}

static void walk_table(struct cursor *cursor, const struct since_boot_origin *origin,
	struct since_boot *table)
{
	struct since_boot_origin found = *origin;
	uint64_t magic = MAGIC;

	walk_word(cursor, &magic);
	if (magic != MAGIC && !cursor->error)
		cursor->error = -EBADMSG;
	walk_bytes(cursor, found.boot_id.bytes, sizeof(found.boot_id.bytes));
	walk_bytes(cursor, found.book.bytes, sizeof(found.book.bytes));
	if (!cursor->error && (uuid_compare(&found.boot_id, &origin->boot_id) != 0 ||
				      uuid_compare(&found.book, &origin->book) != 0))
		cursor->error = -ESTALE;
	table->n_zones = walk_count(cursor, table->n_zones, MACHINE_ZONES_MAX);
	for (size_t z = 0; z < table->n_zones && !cursor->error; z++)
		walk_zone(cursor, &table->zones[z]);
	walk_domains(cursor, table);
}

int since_boot_encode(const struct since_boot *table,
	const struct since_boot_origin *origin, uint8_t **ret_bytes, size_t *ret_size)
{
	/* Only decoding writes to it. */
	struct since_boot *from = (struct since_boot *)table;
	struct cursor measure = { 0 }, cursor = { 0 };
	cleanup_free uint8_t *bytes = NULL;
	uint64_t sum;

	walk_table(&measure, origin, from);
	if (measure.error)
		return measure.error;
	bytes = malloc(measure.at + sizeof(sum));
	if (!bytes)
		return -ENOMEM;
	cursor.out = bytes;
	cursor.size = measure.at;
	walk_table(&cursor, origin, from);
	sum = htole64(fnv1a(bytes, measure.at));
	memcpy(bytes + measure.at, &sum, sizeof(sum));
	*ret_size = measure.at + sizeof(sum);
	*ret_bytes = steal_pointer(&bytes);
	return 0;
}

int since_boot_decode(struct since_boot *table, const struct since_boot_origin *origin,
	const uint8_t *bytes, size_t size)
{
	struct cursor cursor = { .in = bytes };
	uint64_t sum;

	if (size < sizeof(sum))
		return -EBADMSG;
	cursor.size = size - sizeof(sum);
	memcpy(&sum, bytes + cursor.size, sizeof(sum));
	if (le64toh(sum) != fnv1a(bytes, cursor.size))
		return -EBADMSG;
	walk_table(&cursor, origin, table);
	if (!cursor.error && cursor.at != cursor.size)
		cursor.error = -EBADMSG;
	if (cursor.error)
		since_boot_deinit(table);
	return cursor.error;
}
