/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Rows become records (all zones and kinds have one time), records become clusters of
 * what touches in time, and clusters are held against their length.
 */
#include "config.h"

#include "host/merge_time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/ledger_merge.h"
#include "host/merge_print.h"
#include "shared/clock.h"

#define SLACK_NS (LEDGER_MERGE_SLACK_S * (uint64_t)NSEC_PER_SEC)

/* Records of one UUID whose times overlap. */
struct cluster {
	uint64_t since_s, until_s;
	uint64_t covered_ns;
	size_t n_records;
	const struct merge_time *first, *last; /* of different hosts, if there are any */
};

void merge_times_deinit(struct merge_times *times)
{
	free(times->times);
	*times = (struct merge_times){ 0 };
}

int merge_times_add(struct merge_times *times, const struct merge_time *time)
{
	if (times->n == times->size) {
		size_t size = times->size ? 2 * times->size : 1024;
		struct merge_time *larger = reallocarray(
			times->times, size, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		times->times = larger;
		times->size = size;
	}
	times->times[times->n++] = *time;
	return 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_addresses(const void *a, const void *b)
{
	return compare_u64((uintptr_t)a, (uintptr_t)b);
}

/* Whose record it is. */
static int compare_records(const struct merge_time *x, const struct merge_time *y)
{
	int order = strcmp(x->uuid, y->uuid);

	if (order == 0)
		order = compare_u64(x->since_s, y->since_s);
	if (order == 0)
		order = compare_u64(x->until_s, y->until_s);
	if (order == 0)
		order = strcmp(x->host, y->host);
	if (order == 0)
		order = strcmp(x->machine_id, y->machine_id);
	return order ? order : compare_u64(x->file, y->file);
}

static int compare_times(const void *a, const void *b)
{
	const struct merge_time *x = a, *y = b;
	int order = compare_records(x, y);

	return order ? order : compare_addresses(x->row, y->row);
}

static int compare_starts(const void *a, const void *b)
{
	const struct merge_time *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	return order ? order : compare_u64(x->since_s, y->since_s);
}

/* Whether its row was there once more than any row of the record up to here. */
static bool is_another_record(
	const struct merge_time *times, size_t begin, size_t i, size_t n_records)
{
	size_t n_same = 1;

	while (i > begin && times[i - 1].row == times[i].row) {
		n_same++;
		i--;
	}
	return n_same > n_records;
}

/* One entry a record is left. Its time may have begun before what it is called. */
static void reduce_to_records(struct merge_times *times)
{
	struct merge_time *all = times->times;
	size_t n = 0;

	for (size_t begin = 0, end; begin < times->n; begin = end) {
		struct merge_time record = all[begin];
		size_t n_records = 0;

		for (end = begin;
			end < times->n && compare_records(&record, &all[end]) == 0;
			end++) {
			if (is_another_record(all, begin, end, n_records))
				n_records++;
			if (all[end].covered_ns > record.covered_ns)
				record.covered_ns = all[end].covered_ns;
		}
		if (record.covered_ns / NSEC_PER_SEC >
			record.until_s - record.since_s + LEDGER_MERGE_SLACK_S) {
			uint64_t covered_s = record.covered_ns / NSEC_PER_SEC;

			record.since_s = covered_s < record.until_s
						 ? record.until_s - covered_s
						 : 1;
		}
		/* Never more records than rows: what is overwritten was read. */
		for (size_t i = 0; i < n_records; i++)
			all[n++] = record;
	}
	times->n = n;
}

static void begin_cluster(struct cluster *cluster, const struct merge_time *record)
{
	*cluster = (struct cluster){ record->since_s, record->until_s, record->covered_ns,
		1, record, record };
}

static void extend_cluster(struct cluster *cluster, const struct merge_time *record)
{
	if (record->until_s > cluster->until_s)
		cluster->until_s = record->until_s;
	if (__builtin_add_overflow(
		    cluster->covered_ns, record->covered_ns, &cluster->covered_ns))
		cluster->covered_ns = UINT64_MAX;
	cluster->n_records++;
	if (strcmp(cluster->last->host, cluster->first->host) == 0)
		cluster->last = record;
}

static int print_cluster(
	FILE *out, const struct cluster *cluster, bool may_fall_short, bool json)
{
	unsigned __int128 length_ns = (unsigned __int128)(cluster->until_s -
							  cluster->since_s) *
				      NSEC_PER_SEC;
	unsigned __int128 slack_ns = (unsigned __int128)cluster->n_records * SLACK_NS;
	struct merge_finding finding = {
		.uuid = cluster->first->uuid,
		.since_s = cluster->since_s,
		.until_s = cluster->until_s,
		.hosts = { cluster->first->host, cluster->last->host },
	};

	if (cluster->covered_ns > length_ns + slack_ns) {
		finding.is_overlap = true;
		finding.ns = (uint64_t)(cluster->covered_ns - length_ns);
		return merge_print_finding(out, &finding, json);
	}
	if (may_fall_short || cluster->covered_ns + slack_ns >= length_ns)
		return 0;
	finding.ns = (uint64_t)(length_ns - cluster->covered_ns);
	return merge_print_finding(out, &finding, json);
}

static int print_gap(FILE *out, const struct cluster *before, uint64_t until_s, bool json)
{
	const struct merge_finding finding = {
		.uuid = before->first->uuid,
		.since_s = before->until_s,
		.until_s = until_s,
		.ns = (until_s - before->until_s) * NSEC_PER_SEC,
		.hosts = { "", "" },
	};

	return merge_print_finding(out, &finding, json);
}

/* All records of one UUID. */
static int print_uuid(FILE *out, const struct merge_time *records, size_t n, bool json)
{
	struct cluster cluster;
	bool is_first = true;
	int r = 0;

	begin_cluster(&cluster, &records[0]);
	for (size_t i = 1; r == 0 && i < n; i++) {
		if (records[i].since_s < cluster.until_s) {
			extend_cluster(&cluster, &records[i]);
			continue;
		}
		r = print_cluster(out, &cluster, is_first, json);
		if (r == 0 && records[i].since_s > cluster.until_s)
			r = print_gap(out, &cluster, records[i].since_s, json);
		begin_cluster(&cluster, &records[i]);
		is_first = false;
	}
	return r < 0 ? r : print_cluster(out, &cluster, true, json);
}

int merge_times_print(struct merge_times *times, FILE *out, bool json)
{
	int r = 0;

	if (times->n == 0)
		return 0;
	qsort(times->times, times->n, sizeof(*times->times), compare_times);
	reduce_to_records(times);
	qsort(times->times, times->n, sizeof(*times->times), compare_starts);
	for (size_t begin = 0, end; r == 0 && begin < times->n; begin = end) {
		const struct merge_time *first = &times->times[begin];

		for (end = begin; end < times->n &&
				  strcmp(times->times[end].uuid, first->uuid) == 0;)
			end++;
		r = print_uuid(out, first, end - begin, json);
	}
	return r;
}
