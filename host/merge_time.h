/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* When a domain was on whose records: gaps and overlaps. See host/ledger_merge.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A row's time. Texts are compared by their addresses: each is kept once. */
struct merge_time {
	const char *uuid;
	uint64_t since_s, until_s;
	const char *host, *machine_id;
	const char *origin; /* who measured: a second one of the same counted it again */
	bool is_domain;	    /* else the host, or those that ended: it has no gaps */
	uint32_t file;
	/* Tells zone and kind apart; a second one of the same is another record. */
	const void *row;
	uint64_t covered_ns;
	/* What of it another record of the same origin has; its hosts; NULL: none. */
	uint64_t twice_ns;
	const char *twice_hosts[2];
	uint64_t called_s; /* since when, as its row says */
};

struct merge_times {
	size_t n, size;
	struct merge_time *times;
};

void merge_times_deinit(struct merge_times *times);

/* -ENOMEM. */
int merge_times_add(struct merge_times *times, const struct merge_time *time);

/* Sorts them, and writes the gaps and overlaps of each UUID. 1: there are overlaps, 0:
 * there are none; -ENOMEM. */
int merge_times_print(struct merge_times *times, FILE *out, bool json);
