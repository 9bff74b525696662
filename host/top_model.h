/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What vmpower top shows: the newest snapshot as rows, in an order, with the watts of
 * the ticks before and the energy since a time. It knows no widths and no terminal.
 * Pure.
 *
 * In every zone domains + ended + host + unattributed == total, exactly, also for the
 * energy since the first snapshot it was given: what was used by a domain that has gone
 * since is with ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/snapshot.h"

/* Watts of so many ticks are remembered. */
#define TOP_HISTORY 64

enum top_sort {
	TOP_SORT_NAME,
	TOP_SORT_VCPUS,
	TOP_SORT_CPU,
	TOP_SORT_DYNAMIC,
	TOP_SORT_IDLE,
	TOP_SORT_WATTS,
	TOP_SORT_JOULES,
	TOP_SORT_LINK,
	TOP_SORTS,
};

enum top_since {
	TOP_SINCE_BOOT, /* of the host */
	TOP_SINCE_TOP,	/* the first snapshot */
};

/* The newest is at[(next - 1) % TOP_HISTORY]. */
struct top_history {
	size_t n, next;
	float watts[TOP_HISTORY];
};

struct top_row {
	const char *name; /* untrusted text */
	/* NULL: not a domain's; then there are no vCPUs and there is no link. */
	const struct snapshot_domain *domain;
	double cpu_percent; /* of a hardware thread; less than 0: says nothing */
	/* Of the shared zones in the last tick; split: there are the two kinds. */
	bool split;
	double dynamic_w, idle_w, watts;
	double share; /* of their energy, 0..1 */
	uint64_t energy_uj;
	const struct top_history *history; /* NULL: none is kept */
};

struct top_model;

int top_model_new(struct top_model **ret_model);
/* NULL is fine. */
void top_model_free(struct top_model *model);

/*
 * Takes another reference to the newest snapshot. One that ended when the last one did
 * is nothing new. -ENOMEM leaves the model as it was.
 */
int top_model_update(struct top_model *model, const struct snapshot *snapshot);

/* How rows are arranged, from now on: largest first, names from A to Z, or reversed. */
void top_model_arrange(
	struct top_model *model, enum top_sort sort, bool reverse, enum top_since since);

/* NULL before the first update. Valid until the next one. */
const struct snapshot *top_model_snapshot(const struct top_model *model);

/* Domains in the order asked for, then others. Valid until the next update. */
size_t top_model_n_domains(const struct top_model *model);
const struct top_row *top_model_row(const struct top_model *model, size_t index);
size_t top_model_n_others(const struct top_model *model);
const struct top_row *top_model_other(const struct top_model *model, size_t index);

/* The index of the row of this domain, or n_domains. */
size_t top_model_find(const struct top_model *model, const struct uuid *uuid);

/* Energy since the time arranged for; of a row's domain, and of all. */
struct tick_share top_model_domain_energy(
	const struct top_model *model, const struct snapshot_domain *domain, size_t zone);
struct snapshot_account top_model_zone_energy(const struct top_model *model, size_t zone);

/* "name", "cpu", ...; false: there is no such order. */
const char *top_sort_name(enum top_sort sort);
bool top_sort_parse(const char *name, enum top_sort *ret_sort);
