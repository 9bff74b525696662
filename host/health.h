/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Whether what is published can be relied on, and if not, why. Pure. */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/snapshot.h"

struct health_limits {
	uint64_t stale_ns; /* the newest tick may be so old, */
	uint64_t late_ns;  /* and may have begun so long after its time */
};

/*
 * {"status": "ok" or "failing", "reasons": ["...", ...]}; *ret_ok says which. NULL
 * for a snapshot: there is none yet. The caller deletes it; NULL: no memory.
 */
cJSON *health_document(const struct snapshot *snapshot, uint64_t now_boottime_ns,
	const struct health_limits *limits, bool *ret_ok);
