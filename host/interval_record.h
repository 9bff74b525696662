/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The energy of one interval: of each domain that used any, the host and nobody, per
 * zone, with how long it was measured. Records add up: two of the same hour are as
 * good as one. As bytes they are host/interval_block.h's. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/ledger_row.h"
#include "host/machine.h"
#include "host/tick.h"
#include "shared/message.h"
#include "shared/uuid.h"

struct interval_zone {
	char name[MACHINE_ZONE_NAME_SIZE];
	struct tick_share host;
	uint64_t unattributed_uj;
};

struct interval_domain {
	/* Nil: all domains of which nothing else is known any more. */
	struct uuid uuid;
	/* Owned; untrusted text; "": unknown. */
	char *name;
	char *labels; /* see host/labels.h */
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
};

struct interval_record {
	struct uuid book; /* the ledger's: its sequences compare within a book only */
	/* since_s 0: it has no beginning, but is from before all others. */
	struct ledger_interval interval;
	/* How long the host was measured, estimated, degraded. */
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
	uint32_t n_zones;
	struct interval_zone *zones;
	/* In the order of their UUIDs. */
	uint32_t n_domains, domains_size;
	struct interval_domain *domains;
	struct tick_share *shares; /* [domain * n_zones + zone] */
};

/* Frees what it holds, not the struct itself. A zeroed one is fine: it is empty. */
void interval_record_deinit(struct interval_record *record);

/* The zone's number; it is made if there is none. -ENOMEM, -E2BIG. */
int interval_record_take_zone(
	struct interval_record *record, const char *name, uint32_t *ret_zone);

/*
 * The domain's number; it is made if there is none, which changes those of domains of
 * higher UUIDs. Quick where domains come in the order of their UUIDs. -ENOMEM.
 */
int interval_record_take_domain(struct interval_record *record, const struct uuid *uuid,
	const char *name, const char *labels, uint32_t *ret_domain);

/* -1: it is not there. */
ssize_t interval_record_find(
	const struct interval_record *record, const struct uuid *uuid);

static inline struct tick_share *interval_share(
	const struct interval_record *record, size_t domain, size_t zone)
{
	return &record->shares[domain * record->n_zones + zone];
}

/*
 * Adds from to to, which then is of the time of both; names and labels are of
 * whichever has the higher sequence. Takes time in proportion to both. -ENOMEM leaves to
 * void.
 */
int interval_record_add(struct interval_record *to, const struct interval_record *from);

/* Takes from off to, whose time stays. -ERANGE: there is not as much; to is void then. */
int interval_record_subtract(
	struct interval_record *to, const struct interval_record *from);

/* Whether there is no energy and no time in it. */
bool interval_record_is_zero(const struct interval_record *record);

/* Takes out domains that have neither. */
void interval_record_prune(struct interval_record *record);
