/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Exports of several hosts, added up: what a domain used wherever it ran, and the times
 * in which it was on no host's records, or on more than one's at once.
 *
 * Records say how long a domain was measured in an hour, or a day, and not when in it.
 * So a domain that moved in an hour is no gap and no overlap as long as its hosts'
 * times add up to that hour, give or take LEDGER_MERGE_SLACK_S; where a record has more
 * time than it is long (a tick after an outage), it began that much earlier. The first
 * and the last record of a domain are allowed to fall short: that is when it began, and
 * ended.
 *
 * What one host measured is in one record: where records of the same ledger (or, if
 * they do not know it, machine, or host name) from two files overlap in time, or are
 * there twice in one file, they are an overlap, however little of the time they cover. So
 * are the host's own.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/export_row.h"

/* A tick, of at most 60 s, is wholly of the hour in which it ends. */
#define LEDGER_MERGE_SLACK_S 90

struct ledger_merge;

/* NULL: no memory. */
struct ledger_merge *ledger_merge_new(void);
void ledger_merge_free(struct ledger_merge *merge);

/* Rows that are added from now on are of another file. */
void ledger_merge_begin_file(struct ledger_merge *merge);

/* Copies it. -ENOMEM; -EOVERFLOW: the sum is more than 2^64 - 1. */
int ledger_merge_add(struct ledger_merge *merge, const struct export_row *row);

/* A table for people, or NDJSON: sums, then gaps and overlaps. 1: there are overlaps, so
 * that the sums are too high; 0: there are none; -ENOMEM. */
int ledger_merge_print(struct ledger_merge *merge, FILE *out, bool json);
