/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a window of time took: the difference of two snapshots, by domain, zone and
 * kind, in integer microjoules; and the highest power between them. Its begin and end
 * are those of ticks. In each zone
 *
 *	domains that are measured + other domains + host + unattributed == total
 *
 * exactly. Snapshots in between show peaks, and what happened to whom. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/snapshot.h"
#include "shared/message.h"
#include "shared/uuid.h"

/* Power over less than hostd's shortest interval is at the mercy of when counters are
 * updated. */
#define MEASURE_PEAK_NS (UINT64_C(100) * 1000000)

#define MEASURE_TEXT_SIZE 16

/* What is to be known of a window; those from MEASURE_STARTED on, of a domain. */
enum measure_mark {
	MEASURE_INTERRUPTED, /* by a signal */
	MEASURE_ESTIMATED,   /* from CPU time, at least in part */
	MEASURE_DEGRADED,    /* a tick of it was */
	MEASURE_RESTARTED,   /* hostd was, which costs a degraded tick */
	MEASURE_RESET,	     /* the ledger began anew: the window ends before that */
	MEASURE_OPEN,	 /* its end is the last tick seen: there was none at the end */
	MEASURE_ZONES,	 /* some came or went */
	MEASURE_LIBVIRT, /* was away: who started or ended is not known for sure */
	MEASURE_STARTED, /* was not there at the beginning, */
	MEASURE_ENDED,	 /* not at the end; without its very last, which nobody shows */
	MEASURE_AWAY,	 /* not in between */
	MEASURE_MISSING, /* never there */
	MEASURE_MARKS,
};

const char *measure_mark_name(enum measure_mark mark);

struct measure_energy {
	uint64_t dynamic_uj, idle_uj;
	uint64_t uj; /* both, and what is neither */
};

enum measure_row_kind {
	MEASURE_TOTAL,
	MEASURE_UNATTRIBUTED,
	MEASURE_HOST,
	MEASURE_OTHERS, /* domains that are not measured */
	MEASURE_DOMAIN, /* and all rows from there on */
};

/* "total", "unattributed", "host", "other-domains", "domain" */
const char *measure_row_kind_name(enum measure_row_kind kind);

/* One whose energy is measured. */
struct measure_row {
	enum measure_row_kind kind;
	struct uuid uuid; /* a domain's, and */
	char *name;	  /* its name, owned; NULL: none, or not seen yet */
	uint32_t marks;
	bool seen, present;
	struct measure_zone_state *zones;
	uint64_t peak_uw; /* of all zones together */
};

struct measure_zone_state {
	struct measure_energy base, now;
	uint64_t peak_base_uj, peak_uw;
};

struct measure_window {
	bool all; /* domains that start are measured, too */
	uint32_t marks;
	/* Of the first tick and of the last: CLOCK_BOOTTIME and CLOCK_REALTIME. */
	uint64_t begin_ns, end_ns, begin_time_ns, end_time_ns;
	uint64_t n_ticks; /* that were seen, but for the first */
	char source[MEASURE_TEXT_SIZE], idle_policy[MEASURE_TEXT_SIZE];
	size_t n_zones;
	char (*zone_names)[MACHINE_ZONE_NAME_SIZE];
	size_t n_rows, rows_size;
	struct measure_row *rows;
	/* The last snapshot's. */
	uint64_t started_ns, number, degraded_ticks;
	uint64_t peak_begin_ns;
};

/*
 * Begins with the snapshot. uuids are the domains to measure, and with all every one
 * that runs, now or later, too. -ENOMEM; -EBADMSG: it has no zone that is shared out.
 */
int measure_window_begin(struct measure_window *ret_window,
	const struct snapshot *snapshot, const struct uuid *uuids, size_t n_uuids,
	bool all);

/*
 * Goes on to the snapshot; one that was there before changes nothing. -ESTALE: what it
 * counts does not go on from the last one, which is where the window ends, marked so.
 * -ENOMEM.
 */
int measure_window_add(struct measure_window *window, const struct snapshot *snapshot);

/* Nothing more is added: marks domains that are not there, and settles the peaks. */
void measure_window_end(struct measure_window *window);

void measure_window_deinit(struct measure_window *window);

/* The rows in the order to show them in: domains, others, host, unattributed, total. */
size_t measure_window_nth(const struct measure_window *window, size_t n);

/* Of a row in a zone, and in all of them. */
struct measure_energy measure_window_energy(
	const struct measure_window *window, size_t row, size_t zone);
struct measure_energy measure_window_sum(const struct measure_window *window, size_t row);

/* Its mean power; 0 for a window of no length. */
double measure_window_watts(const struct measure_window *window, uint64_t uj);

enum message_quality measure_window_quality(const struct measure_window *window);

/*
 * The UUIDs of domains by their names or UUIDs, each once, in this order; the caller
 * frees them. -ENOENT: no such domain runs, which is *ret_unknown; -ENOMEM.
 */
int measure_window_find(const struct snapshot *snapshot, const char *const *names,
	size_t n_names, struct uuid **ret_uuids, size_t *ret_n, const char **ret_unknown);
