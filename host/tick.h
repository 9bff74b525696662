/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The result of one tick: how much energy each zone used, and whose it is.
 * Integer microjoules; in every zone
 *
 *	sum of the domains (dynamic + idle) + host (dynamic + idle) + unattributed ==
 *total
 *
 * exactly. The meter makes it, the ledger adds it up. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/idle_power.h"
#include "host/machine.h"
#include "shared/message.h"
#include "shared/uuid.h"

struct tick_share {
	uint64_t dynamic_uj;
	uint64_t idle_uj;
};

enum tick_zone_state {
	TICK_ZONE_OK,
	TICK_ZONE_BASELINE, /* first reading: nothing known yet */
	TICK_ZONE_EXCLUDED, /* unreadable or impossible delta: total is 0, time is
			       degraded */
	/* May have wrapped unseen, or the host was suspended: all of it is unattributed.
	 */
	TICK_ZONE_AMBIGUOUS,
};

struct tick_zone {
	enum tick_zone_state state;
	/* The time total_uj took: more than the tick's after excluded ones. */
	uint64_t dt_ns;
	uint64_t total_uj;
	uint64_t unattributed_uj;
	/* The idle power that the shares were reckoned with, and whence it is known. */
	uint64_t idle_uw;
	enum idle_power_origin idle_origin;
	struct tick_share host;
};

/* One domain in one tick; also what its guest is shown of it. */
struct tick_domain {
	struct uuid uuid;
	/* The energy of this tick by place, see host/guest_zones.h. */
	uint64_t guest_uj[MESSAGE_ZONES_MAX];
	/* CPU time of all its threads in this tick. */
	uint64_t cpu_ns;
};

struct tick {
	uint64_t boottime_ns; /* its end */
	uint64_t dt_ns;
	enum message_quality quality;
	size_t n_zones; /* as in the machine */
	struct tick_zone zones[MACHINE_ZONES_MAX];
	/* In the order of their UUIDs, as in the sample. */
	size_t n_domains, domains_size;
	struct tick_domain *domains;
	/* shares[domain * n_zones + zone], see tick_share() */
	size_t shares_size;
	struct tick_share *shares;
};

/* Makes room for n domains and zones, all zero; -ENOMEM leaves it empty. */
int tick_reset(struct tick *tick, size_t n_zones, size_t n_domains);

static inline struct tick_share *tick_share(
	const struct tick *tick, size_t domain, size_t zone)
{
	return &tick->shares[domain * tick->n_zones + zone];
}

/* Frees what it holds, not the struct itself. A zeroed one is fine. */
void tick_deinit(struct tick *tick);
