/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a snapshot says under the names that dashboards made for other tools look for,
 * so that they go on working; vmpower-hostd(8) says what of theirs there is. Values are
 * vmpower's. Scaphandre: its metrics of hosts, sockets, RAPL domains, and of the
 * processes that are QEMU's. Kepler (0.10 and later): its metrics of nodes and virtual
 * machines. Pure.
 */
#pragma once

#include "host/metrics_sink.h"
#include "host/snapshot.h"

/* A process has all power of its domain, idle too, as there. */
void metrics_compat_scaphandre(
	struct metrics_sink *sink, const struct snapshot *snapshot);

/* A virtual machine has the dynamic ("active") energy of its domain alone, as there. */
void metrics_compat_kepler(struct metrics_sink *sink, const struct snapshot *snapshot,
	const char *node_name);
