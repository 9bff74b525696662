/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A snapshot of a small host, for the tests of what shows snapshots. */
#pragma once

#include "host/snapshot.h"

/*
 * Zones package-0 and dram-0 (shared), psys (not), after one tick of 1 s; domains
 * web1 (id 3, running, its guest link up with one zone) and db\x1b[31m (id 4,
 * paused, no channel). In each zone the parts add up to the total.
 */
struct snapshot *fake_snapshot_new(void);
