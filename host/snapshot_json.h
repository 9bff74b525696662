/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Snapshots as the JSON of hostd's HTTP interface, and back. vmpower(1) lists the
 * fields. Counters are decimal strings, since a double holds only 53 bits; watts
 * are numbers. Pure.
 */
#pragma once

#include <cjson/cJSON.h>

#include "host/snapshot.h"

/* The documents /api/v1/host and /api/v1/domains; the caller deletes them. NULL: no
 * memory. */
cJSON *snapshot_json_host(const struct snapshot *snapshot);
cJSON *snapshot_json_domains(const struct snapshot *snapshot);

/* /api/v1/domains/{uuid}: one of the snapshot's domains, as domain. */
cJSON *snapshot_json_domain(
	const struct snapshot *snapshot, const struct snapshot_domain *domain);

/* {"host":HOST,"domains":[...]} of both, which it takes over. NULL: no memory. */
cJSON *snapshot_json_join(cJSON *host, cJSON *domains);

/*
 * A snapshot from both documents, or without domains (NULL) from that of the host
 * alone, with one reference that is the caller's.
 * -EAGAIN: they are of different ticks; -EBADMSG: a field is missing or of the
 * wrong kind (another version of hostd); -ENOMEM. Unknown fields are ignored.
 */
int snapshot_json_decode(
	const cJSON *host, const cJSON *domains, struct snapshot **ret_snapshot);

/* "package", "dram", "core", "uncore", "psys". */
const char *snapshot_json_kind_name(enum machine_zone_kind kind);
