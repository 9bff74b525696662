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
#include "shared/array.h"
#include "shared/clock.h"

#define SLACK_NS (LEDGER_MERGE_SLACK_S * (uint64_t)NSEC_PER_SEC)

/* Records of one UUID whose times overlap. */
struct cluster {
	uint64_t since_s, until_s;
	uint64_t covered_ns;
	uint64_t twice_ns;
	size_t n_records;
	const struct merge_time *first, *last; /* of different hosts, if there are any */
	const struct merge_time *twice;	       /* NULL: none is */
};

struct findings {
	FILE *out;
	bool json;
	bool has_overlap;
};

/* What is seen of an origin's records, in the order in which they begin. */
struct sweep {
	/* The one that ends last, and the one that does of all other files. */
	const struct merge_time *last, *other;
	const struct merge_time *before; /* the one before */
};

void merge_times_deinit(struct merge_times *times)
{
	free(times->times);
	*times = (struct merge_times){ 0 };
}

int merge_times_add(struct merge_times *times, const struct merge_time *time)
{
	if (array_reserve(&times->times, &times->size, times->n + 1) < 0)
		return -ENOMEM;
	times->times[times->n] = *time;
	times->times[times->n++].called_s = time->since_s;
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

/* Hosts are told apart, a domain is the same everywhere. */
static int compare_players(const struct merge_time *x, const struct merge_time *y)
{
	int order = strcmp(x->uuid, y->uuid);

	return order || x->is_domain ? order : strcmp(x->origin, y->origin);
}

static int compare_starts(const void *a, const void *b)
{
	const struct merge_time *x = a, *y = b;
	int order = compare_players(x, y);

	return order ? order : compare_u64(x->since_s, y->since_s);
}

static int compare_origins(const void *a, const void *b)
{
	const struct merge_time *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	if (order == 0)
		order = strcmp(x->origin, y->origin);
	if (order == 0)
		order = compare_u64(x->called_s, y->called_s);
	if (order == 0)
		order = compare_u64(x->until_s, y->until_s);
	return order ? order : compare_u64(x->file, y->file);
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

/*
 * One before it that has some of the record's time, from another file; or all of it.
 * Of one file the times may overlap where the clock went back; the energy does not.
 */
static const struct merge_time *find_twice(
	const struct sweep *sweep, const struct merge_time *record)
{
	const struct merge_time *before = sweep->before;
	const struct merge_time *found = sweep->last;

	if (found && found->file == record->file)
		found = sweep->other;
	if (found && found->until_s > record->called_s)
		return found;
	return before && before->called_s == record->called_s &&
			       before->until_s == record->until_s
		       ? before
		       : NULL;
}

static void sweep_over(struct sweep *sweep, const struct merge_time *record)
{
	const struct merge_time *last = sweep->last;

	sweep->before = record;
	if (!last || record->until_s > last->until_s) {
		if (last && last->file != record->file)
			sweep->other = last;
		sweep->last = record;
	} else if (last->file != record->file &&
		   (!sweep->other || record->until_s > sweep->other->until_s)) {
		sweep->other = record;
	}
}

/* Whatever they cover: who measured once and is there twice is counted twice. */
static void find_all_twice(struct merge_times *times)
{
	struct sweep sweep = { 0 };

	for (size_t i = 0; i < times->n; i++) {
		struct merge_time *record = &times->times[i];
		const struct merge_time *twice;

		if (sweep.before &&
			(strcmp(sweep.before->uuid, record->uuid) != 0 ||
				strcmp(sweep.before->origin, record->origin) != 0))
			sweep = (struct sweep){ 0 };
		twice = find_twice(&sweep, record);
		if (twice) {
			record->twice_ns = twice->covered_ns < record->covered_ns
						   ? twice->covered_ns
						   : record->covered_ns;
			record->twice_hosts[0] = twice->host;
			record->twice_hosts[1] = record->host;
		}
		sweep_over(&sweep, record);
	}
}

static int print_overlap(struct findings *findings, const struct merge_time *twice,
	uint64_t since_s, uint64_t until_s, uint64_t ns)
{
	const struct merge_finding finding = {
		.is_overlap = true,
		.uuid = twice->uuid,
		.since_s = since_s,
		.until_s = until_s,
		.ns = ns,
		.hosts = { twice->twice_hosts[0], twice->twice_hosts[1] },
	};

	findings->has_overlap = true;
	return merge_print_finding(findings->out, &finding, findings->json);
}

/* What has no beginning is in no line of time. */
static int take_out_endless(struct merge_times *times, struct findings *findings)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < times->n; i++) {
		const struct merge_time *record = &times->times[i];

		if (record->called_s != 0)
			times->times[n++] = *record;
		else if (record->twice_hosts[0])
			r = print_overlap(
				findings, record, 0, record->until_s, record->twice_ns);
	}
	times->n = n;
	return r;
}

static void add_twice(struct cluster *cluster, const struct merge_time *record)
{
	if (!record->twice_hosts[0])
		return;
	if (!cluster->twice)
		cluster->twice = record;
	if (__builtin_add_overflow(
		    cluster->twice_ns, record->twice_ns, &cluster->twice_ns))
		cluster->twice_ns = UINT64_MAX;
}

static void begin_cluster(struct cluster *cluster, const struct merge_time *record)
{
	*cluster = (struct cluster){ .since_s = record->since_s,
		.until_s = record->until_s,
		.covered_ns = record->covered_ns,
		.n_records = 1,
		.first = record,
		.last = record };
	add_twice(cluster, record);
}

static void extend_cluster(struct cluster *cluster, const struct merge_time *record)
{
	if (record->until_s > cluster->until_s)
		cluster->until_s = record->until_s;
	if (__builtin_add_overflow(
		    cluster->covered_ns, record->covered_ns, &cluster->covered_ns))
		cluster->covered_ns = UINT64_MAX;
	cluster->n_records++;
	add_twice(cluster, record);
	if (strcmp(cluster->last->host, cluster->first->host) == 0)
		cluster->last = record;
}

static int print_cluster(
	struct findings *findings, const struct cluster *cluster, bool may_fall_short)
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

	if (cluster->twice)
		return print_overlap(findings, cluster->twice, cluster->since_s,
			cluster->until_s, cluster->twice_ns);
	if (!cluster->first->is_domain)
		return 0;
	if (cluster->covered_ns > length_ns + slack_ns) {
		findings->has_overlap = true;
		finding.is_overlap = true;
		finding.ns = (uint64_t)(cluster->covered_ns - length_ns);
		return merge_print_finding(findings->out, &finding, findings->json);
	}
	if (may_fall_short || cluster->covered_ns + slack_ns >= length_ns)
		return 0;
	finding.ns = (uint64_t)(length_ns - cluster->covered_ns);
	return merge_print_finding(findings->out, &finding, findings->json);
}

static int print_gap(
	const struct findings *findings, const struct cluster *before, uint64_t until_s)
{
	const struct merge_finding finding = {
		.uuid = before->first->uuid,
		.since_s = before->until_s,
		.until_s = until_s,
		.ns = (until_s - before->until_s) * NSEC_PER_SEC,
		.hosts = { "", "" },
	};

	return before->first->is_domain
		       ? merge_print_finding(findings->out, &finding, findings->json)
		       : 0;
}

/* All records of one domain, or of one host. */
static int print_player(
	struct findings *findings, const struct merge_time *records, size_t n)
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
		r = print_cluster(findings, &cluster, is_first);
		if (r == 0 && records[i].since_s > cluster.until_s)
			r = print_gap(findings, &cluster, records[i].since_s);
		begin_cluster(&cluster, &records[i]);
		is_first = false;
	}
	return r < 0 ? r : print_cluster(findings, &cluster, true);
}

int merge_times_print(struct merge_times *times, FILE *out, bool json)
{
	struct findings findings = { .out = out, .json = json };
	int r = 0;

	if (times->n == 0)
		return 0;
	qsort(times->times, times->n, sizeof(*times->times), compare_times);
	reduce_to_records(times);
	qsort(times->times, times->n, sizeof(*times->times), compare_origins);
	find_all_twice(times);
	r = take_out_endless(times, &findings);
	if (times->n > 0)
		qsort(times->times, times->n, sizeof(*times->times), compare_starts);
	for (size_t begin = 0, end; r == 0 && begin < times->n; begin = end) {
		const struct merge_time *first = &times->times[begin];

		for (end = begin; end < times->n &&
				  compare_players(&times->times[end], first) == 0;)
			end++;
		r = print_player(&findings, first, end - begin);
	}
	return r < 0 ? r : findings.has_overlap;
}
