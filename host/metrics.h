/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A snapshot as metrics; vmpower-hostd(8) lists them. Counters began at 0 when the
 * host booted. In every zone
 *
 *	vmpower_domain_energy + vmpower_ended_domains_energy + vmpower_host_energy
 *		== vmpower_zone_energy
 *
 * summed over the other labels, exactly, in microjoules. Pure.
 */
#pragma once

#include <stdbool.h>

#include "host/metrics_sink.h"
#include "host/snapshot.h"

struct metrics_options {
	/* Names that others use as well, see host/metrics_compat.h. */
	bool scaphandre, kepler;
	const char *node_name; /* this host's */
};

/* All of it. Errors are the sink's. */
void metrics_write(const struct snapshot *snapshot, const struct metrics_options *options,
	struct metrics_sink *sink);
