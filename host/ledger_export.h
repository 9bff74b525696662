/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A history as rows: which intervals, of which domains, how coarse. In each interval
 * and zone the rows of the domains, the host, nobody and the ended ones add up to what
 * the zone used. Pure, but for the stream it writes to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "host/ledger_history.h"

enum ledger_export_interval {
	LEDGER_EXPORT_HOUR, /* as the records are */
	LEDGER_EXPORT_DAY,
	LEDGER_EXPORT_TOTAL, /* all of them together */
};

struct ledger_export {
	/*
	 * Only intervals that begin in [since, until); 0: no bound. What has no beginning
	 * is there if since is 0 and it ends by until.
	 */
	uint64_t since_s, until_s;
	enum ledger_export_interval interval;
	/* UUIDs, or names a domain has or had; none: all, and the host, and nobody. */
	size_t n_domains;
	const char *const *domains;
	bool json;
	const char *host, *machine_id;
};

/*
 * Writes the rows, in the order of time; the history is used up. -ENOENT: no record
 * knows one of the domains, which is *ret_unknown; -ENOMEM, -E2BIG. Whether the stream
 * took them is the caller's to see.
 */
int ledger_export_write(const struct ledger_export *query, struct ledger_history *history,
	FILE *out, const char **ret_unknown);
