/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Shows the world what a tick found: a snapshot for HTTP, and each guest's own
 * values for its link. Whatever it shows is in the ledger before. It reads no
 * counters and shares nothing out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/hostd_config.h"
#include "host/inventory.h"
#include "host/links.h"
#include "host/push.h"
#include "host/sampler.h"
#include "host/since_boot.h"
#include "host/snapshot.h"

struct publisher {
	const struct hostd_config *config;
	const struct sampler *sampler;
	struct links *links;
	struct snapshot_box *box;
	struct push *push;   /* NULL: nothing is pushed */
	uint64_t number;     /* of snapshots so far */
	uint64_t n_timed;    /* of them those of the timer's ticks */
	uint64_t n_degraded; /* ticks of that quality so far */
	uint64_t started_ns; /* CLOCK_BOOTTIME when this run of the daemon began */
	uint64_t next_ns;    /* and when the timer's next tick is due */
	struct since_boot since_boot;
	int since_boot_error; /* of keeping it, which the log knows of */
};

/*
 * Takes up the counters since the boot where the run before left them, if it did; says
 * on the log why not.
 */
void publisher_recall(struct publisher *publisher);

/* Frees what it holds, not the struct itself. */
void publisher_deinit(struct publisher *publisher);

/*
 * Tells every measured domain's guest its zones and its values of this tick. A
 * domain whose values cannot be told is logged and told at the next tick.
 */
void publisher_tell_guests(
	struct publisher *publisher, const struct inventory *inventory);

/*
 * Publishes a snapshot of the ledger, the last tick and the links. -ENOMEM. timed: it is
 * the timer's; of others only they see who may see all ticks.
 */
int publisher_publish(
	struct publisher *publisher, const struct inventory *inventory, bool timed);
