/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The domains that ended and whose rows left the ledger: what they had, should they
 * return. It is as well in the intervals, from which this is made anew at the start.
 * Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/tick.h"
#include "shared/message.h"
#include "shared/uuid.h"

struct ledger_departed_domain {
	struct uuid uuid;
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
	uint32_t n_shares;
	struct tick_share shares[]; /* by the ledger's zones, of which it had so many */
};

struct ledger_departed {
	size_t n, size;
	struct ledger_departed_domain **domains; /* owned; in the order of their UUIDs */
};

void ledger_departed_deinit(struct ledger_departed *departed);

/* Adds one that is not there. -ENOMEM. */
int ledger_departed_add(struct ledger_departed *departed, const struct uuid *uuid,
	const uint64_t quality_ns[MESSAGE_DEGRADED + 1], const struct tick_share *shares,
	uint32_t n_shares);

/* NULL: it is not there. */
const struct ledger_departed_domain *ledger_departed_find(
	const struct ledger_departed *departed, const struct uuid *uuid);

/* Takes one out, which the caller frees; NULL: it is not there. */
struct ledger_departed_domain *ledger_departed_take(
	struct ledger_departed *departed, const struct uuid *uuid);
