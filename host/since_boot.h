/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the ledger had when the host booted, so that counters can be shown that began
 * at 0 then; and which domains are shown, since those that ended linger for a while,
 * for the last scrape to find them. In every zone
 *
 *	domains + lingering + ended + host (dynamic + idle each) + unattributed == total
 *
 * exactly, and no number decreases but that of a domain that comes back after it had
 * gone: it begins at 0 again, as what it used before stays with ended. (And all do
 * where the ledger went back, to its checkpoint when it is damaged.) Kept for the
 * daemon's next run in this boot in host/since_boot_file.h. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/snapshot.h"
#include "host/tick.h"
#include "shared/uuid.h"

struct since_boot_zone {
	char name[MACHINE_ZONE_NAME_SIZE];
	/* The ledger's then; ended: of all domains. */
	struct snapshot_account base;
};

struct since_boot_share {
	struct tick_share base; /* the ledger's then */
	struct tick_share last; /* and when it was seen last */
};

struct since_boot_domain {
	struct uuid uuid;
	char *name; /* owned; untrusted text */
	bool ended;
	uint64_t ended_ns;		/* CLOCK_BOOTTIME, if it did */
	struct since_boot_share *zones; /* owned; n_zones of the table */
};

/* Whose numbers they are: no other boot's, and no other ledger's. */
struct since_boot_origin {
	struct uuid boot_id, book;
};

/* Zeroed, but for the retention: empty. */
struct since_boot {
	uint64_t retention_ns; /* how long domains linger */
	/* Something changed that the next run has to know: keep it, then clear this. */
	bool dirty;
	size_t n_zones; /* those of the last snapshot */
	struct since_boot_zone zones[MACHINE_ZONES_MAX];
	size_t n_domains;
	struct since_boot_domain *domains; /* owned; in the order of their UUIDs */
};

/* Frees what it holds, not the struct itself. */
void since_boot_deinit(struct since_boot *table);

/*
 * Takes the snapshot's sums and last tick, and fills in its boot accounts and who
 * lingers. A dirty table is to be kept before the snapshot is published. -ENOMEM: the
 * snapshot is not to be published.
 */
int since_boot_apply(struct since_boot *table, struct snapshot *snapshot);

/*
 * Bytes that since_boot_decode() makes a table of, with a checksum. The caller frees
 * them. -ENOMEM.
 */
int since_boot_encode(const struct since_boot *table,
	const struct since_boot_origin *origin, uint8_t **ret_bytes, size_t *ret_size);

/*
 * Fills an empty table; last is base everywhere. -ESTALE: of another origin; -EBADMSG:
 * not such bytes, or torn; -ENOMEM. The table is empty after an error.
 */
int since_boot_decode(struct since_boot *table, const struct since_boot_origin *origin,
	const uint8_t *bytes, size_t size);
