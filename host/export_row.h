/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A row of an export: the energy of one domain, of the host or of nobody, in one
 * interval, zone and kind. As CSV (RFC 4180: CRLF, quotes where needed, a head) or as
 * NDJSON (one object a line), with the same names and values. Energies and times are
 * exact: decimal digits, seconds with nine of them behind the point; in JSON they are
 * strings. Pure, but for the stream it writes to.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/message.h"

/* In place of a domain's UUID. */
#define EXPORT_HOST	    "host"
#define EXPORT_UNATTRIBUTED "unattributed"
/* Domains that ended and of which nothing else is known any more. */
#define EXPORT_ENDED "ended"

enum export_column {
	EXPORT_SINCE,
	EXPORT_UNTIL,
	EXPORT_UUID,
	EXPORT_NAME,
	EXPORT_ZONE,
	EXPORT_KIND,
	EXPORT_ENERGY_UJ,
	EXPORT_MEASURED_S,
	EXPORT_ESTIMATED_S,
	EXPORT_DEGRADED_S,
	EXPORT_HOST_NAME,
	EXPORT_MACHINE_ID,
	EXPORT_SOURCE,
	/* What is not there from here on is read as empty. */
	EXPORT_LEDGER,
	EXPORT_IDLE_ORIGIN,
	EXPORT_LABELS,
	EXPORT_COLUMNS,
};

extern const char *const export_column_names[EXPORT_COLUMNS];

struct export_row {
	uint64_t since_s; /* 0: it has no beginning; written as "" or null */
	uint64_t until_s;
	const char *uuid; /* or EXPORT_HOST and so on */
	const char *name; /* untrusted text */
	const char *zone;
	const char *kind; /* "dynamic", "idle", "unattributed" */
	uint64_t energy_uj;
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
	const char *host, *machine_id;
	const char *source; /* "powercap", "estimate", "powercap+estimate", "" */
	const char *ledger; /* its UUID, or "": energy is in one ledger once */
	/* "configured", "calibrated", "learned", several with a + between them, or "" */
	const char *idle_origin;
	/* A domain's, as a JSON object, or "" */
	const char *labels;
};

/* Each 0 or -ENOMEM. */
int export_row_write_csv_head(FILE *out);
int export_row_write_csv(FILE *out, const struct export_row *row);
int export_row_write_json(FILE *out, const struct export_row *row);

/*
 * A row of these texts, which it points to. -EINVAL: one is not what it should be,
 * which is *ret_column.
 */
int export_row_parse(const char *const texts[EXPORT_COLUMNS], struct export_row *ret_row,
	enum export_column *ret_column);
