/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The idle power of a host's zones, from a stretch of time in which it does nothing;
 * and whether it did nothing. Pure.
 *
 * The time is cut into six blocks, of at least 2 s each, that end with a tick. A zone's
 * idle power is the lowest mean power of any block: what learning goes by, too, so that
 * a short burst of work that no host is without does not count. A host is idle when its
 * CPUs together are busy for at most 1/200 of their time, or a tenth of one hardware
 * thread where that is more: what they then add to the power is within a few percent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/snapshot.h"

#define CALIBRATION_MESSAGE_SIZE 256

struct calibration_zone {
	char name[MACHINE_ZONE_NAME_SIZE];
	size_t index; /* in the snapshots */
	/* Cumulative readings: at the first tick, at the block's, at the last one. */
	uint64_t first_uj, block_uj, last_uj;
	/* Means over blocks. */
	uint64_t lowest_uw, highest_uw;
};

struct calibration {
	uint64_t duration_ns;
	size_t n_threads; /* hardware threads of the host */
	bool begun;
	unsigned int n_blocks;
	/* CLOCK_BOOTTIME of the ticks. */
	uint64_t first_ns, block_ns, last_ns;
	/* How long the CPUs had been busy, and when (any clock). */
	uint64_t busy_first_ns, busy_last_ns, seen_first_ns, seen_last_ns;
	size_t n_zones;
	struct calibration_zone zones[MACHINE_ZONES_MAX];
};

enum calibration_state {
	CALIBRATION_GOING,
	CALIBRATION_DONE,
	CALIBRATION_BUSY,   /* more than may be, already */
	CALIBRATION_BROKEN, /* what came cannot be used, message says why */
};

void calibration_init(
	struct calibration *calibration, uint64_t duration_ns, size_t n_threads);

/*
 * Takes the newest snapshot, which may be the same again, and how long the CPUs were
 * busy until now, all together and cumulative. Only a measured host can be calibrated,
 * and only while it is; the zones that are shared out are. message is set if BROKEN.
 */
enum calibration_state calibration_add(struct calibration *calibration,
	const struct snapshot *snapshot, uint64_t busy_ns, uint64_t now_ns,
	char message[CALIBRATION_MESSAGE_SIZE]);

/* The mean power of the zone over all of the time so far. */
uint64_t calibration_mean_uw(
	const struct calibration *calibration, const struct calibration_zone *zone);

/* How long the CPUs were busy, and may be, in percent of one hardware thread. */
double calibration_busy_percent(const struct calibration *calibration);
double calibration_limit_percent(const struct calibration *calibration);
