/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Sums by UUID, zone and kind, and a line of time for each UUID. */
#include "config.h"

#include "host/ledger_merge.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "host/merge_print.h"
#include "host/merge_time.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/uuid.h"

struct ledger_merge {
	void *texts; /* tsearch(3): each text once, so that pointers compare */
	void *sums;  /* tsearch(3): struct merge_sum */
	size_t n_sums, sums_size;
	struct merge_sum **all_sums;
	uint32_t file;
	struct merge_times times;
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Texts were made the same before: order is by content, for the output. */
static int compare_sums(const void *a, const void *b)
{
	const struct merge_sum *x = a, *y = b;
	int order = strcmp(x->uuid, y->uuid);

	if (order == 0)
		order = strcmp(x->zone, y->zone);
	return order ? order : strcmp(x->kind, y->kind);
}

static int compare_sum_pointers(const void *a, const void *b)
{
	return compare_sums(*(struct merge_sum *const *)a, *(struct merge_sum *const *)b);
}

struct ledger_merge *ledger_merge_new(void)
{
	return calloc(1, sizeof(struct ledger_merge));
}

static void leave_alone(void *node)
{
	(void)node;
}

void ledger_merge_free(struct ledger_merge *merge)
{
	if (!merge)
		return;
	tdestroy(merge->texts, free);
	tdestroy(merge->sums, leave_alone);
	for (size_t i = 0; i < merge->n_sums; i++) {
		free(merge->all_sums[i]->name);
		free(merge->all_sums[i]->labels);
		free(merge->all_sums[i]);
	}
	free(merge->all_sums);
	merge_times_deinit(&merge->times);
	free(merge);
}

void ledger_merge_begin_file(struct ledger_merge *merge)
{
	merge->file++;
}

/* The same text, as it is kept; NULL: no memory. */
static const char *keep_text(struct ledger_merge *merge, const char *text)
{
	char **node = tfind(text, &merge->texts, compare_texts);
	char *copy;

	if (node)
		return *node;
	copy = strdup(text);
	if (!copy)
		return NULL;
	if (!tsearch(copy, &merge->texts, compare_texts)) {
		free(copy);
		return NULL;
	}
	return copy;
}

/* tsearch(3) it is that keeps the pointer; the array is for the order and for free(). */
static struct merge_sum *add_sum(struct ledger_merge *merge, const struct merge_sum *key)
{
	struct merge_sum *sum;

	if (array_reserve(&merge->all_sums, &merge->sums_size, merge->n_sums + 1) < 0)
		return NULL;
	sum = malloc(sizeof(*sum));
	if (!sum)
		return NULL;
	*sum = *key;
	if (!tsearch(sum, &merge->sums, compare_sums)) {
		free(sum);
		return NULL;
	}
	merge->all_sums[merge->n_sums++] = sum;
	return sum;
}

static struct merge_sum *take_sum(
	struct ledger_merge *merge, const struct export_row *row, const char *uuid)
{
	const struct merge_sum key = {
		.uuid = uuid,
		.zone = keep_text(merge, row->zone),
		.kind = keep_text(merge, row->kind),
	};
	struct merge_sum **node;

	if (!key.zone || !key.kind)
		return NULL;
	node = tfind(&key, &merge->sums, compare_sums);
	return node ? *node : add_sum(merge, &key);
}

/* What it was last. */
static int take_text(
	char **known, uint64_t *known_s, const char *text, const struct export_row *row)
{
	char *copy;

	if (*known && (row->until_s < *known_s || !text[0] || strcmp(*known, text) == 0))
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*known);
	*known = copy;
	*known_s = row->until_s;
	return 0;
}

static int take_texts(struct merge_sum *sum, const struct export_row *row)
{
	int r = take_text(&sum->name, &sum->named_s, row->name, row);

	return r < 0 ? r : take_text(&sum->labels, &sum->labelled_s, row->labels, row);
}

static int add_numbers(struct merge_sum *sum, const struct export_row *row)
{
	if (__builtin_add_overflow(sum->energy_uj, row->energy_uj, &sum->energy_uj))
		return -EOVERFLOW;
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++) {
		if (__builtin_add_overflow(
			    sum->quality_ns[i], row->quality_ns[i], &sum->quality_ns[i]))
			return -EOVERFLOW;
	}
	return 0;
}

/* What measured the row, as exactly as the export says it. */
static const char *origin_of(const struct export_row *row)
{
	if (row->ledger[0])
		return row->ledger;
	return row->machine_id[0] ? row->machine_id : row->host;
}

static int add_time(struct ledger_merge *merge, const struct export_row *row,
	const struct merge_sum *sum)
{
	struct uuid uuid;
	struct merge_time time = {
		.uuid = sum->uuid,
		.row = sum,
		.host = keep_text(merge, row->host),
		.machine_id = keep_text(merge, row->machine_id),
		.origin = keep_text(merge, origin_of(row)),
		.is_domain = uuid_parse(row->uuid, &uuid) == 0,
		.file = merge->file,
		.since_s = row->since_s,
		.until_s = row->until_s,
	};

	if (!time.host || !time.machine_id || !time.origin)
		return -ENOMEM;
	/* It is where the host is. */
	if (strcmp(row->uuid, EXPORT_UNATTRIBUTED) == 0)
		return 0;
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++) {
		if (__builtin_add_overflow(
			    time.covered_ns, row->quality_ns[i], &time.covered_ns))
			return -EOVERFLOW;
	}
	return merge_times_add(&merge->times, &time);
}

int ledger_merge_add(struct ledger_merge *merge, const struct export_row *row)
{
	struct merge_sum *sum;
	const char *kept;
	struct uuid uuid;
	char lower[UUID_TEXT_SIZE];
	int r;

	kept = row->uuid;
	if (uuid_parse(row->uuid, &uuid) == 0) {
		uuid_format(&uuid, lower);
		kept = lower;
	}
	kept = keep_text(merge, kept);
	sum = kept ? take_sum(merge, row, kept) : NULL;
	if (!sum)
		return -ENOMEM;
	r = take_texts(sum, row);
	if (r == 0)
		r = add_numbers(sum, row);
	return r < 0 ? r : add_time(merge, row, sum);
}

int ledger_merge_print(struct ledger_merge *merge, FILE *out, bool json)
{
	int r = 0;

	if (merge->n_sums > 0)
		qsort(merge->all_sums, merge->n_sums, sizeof(struct merge_sum *),
			compare_sum_pointers);
	if (!json)
		merge_print_head(out);
	for (size_t i = 0; r == 0 && i < merge->n_sums; i++)
		r = merge_print_sum(out, merge->all_sums[i], json);
	return r < 0 ? r : merge_times_print(&merge->times, out, json);
}
