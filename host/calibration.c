/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Idle power from a stretch of idle time. */
#include "host/calibration.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/clock.h"

/* Of the names of zones. */
#define NAME_BYTES   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define BLOCKS	     6
#define BLOCK_MIN_NS (2 * (uint64_t)NSEC_PER_SEC)
/* The larger of one part in so many of all threads' time, and of one thread's. */
#define BUSY_PART	 200
#define BUSY_THREAD_PART 10

void calibration_init(
	struct calibration *calibration, uint64_t duration_ns, size_t n_threads)
{
	*calibration = (struct calibration){ .duration_ns = duration_ns,
		.n_threads = n_threads };
}

__attribute__((__format__(printf, 2, 3))) static enum calibration_state broken(
	char message[CALIBRATION_MESSAGE_SIZE], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, CALIBRATION_MESSAGE_SIZE, format, args);
	va_end(args);
	return CALIBRATION_BROKEN;
}

static uint64_t power_uw(uint64_t uj, uint64_t ns)
{
	return ns ? (uint64_t)((unsigned __int128)uj * NSEC_PER_SEC / ns) : 0;
}

static enum calibration_state begin(struct calibration *calibration,
	const struct snapshot *snapshot, char message[CALIBRATION_MESSAGE_SIZE])
{
	if (snapshot_is_estimate(snapshot))
		return broken(message,
			"there is no RAPL to measure with (source=estimate); [estimate] "
			"idle_w in hostd.conf is its idle power");
	for (size_t i = 0; i < snapshot->n_zones; i++) {
		const struct snapshot_zone *from = &snapshot->zones[i];
		struct calibration_zone *zone = &calibration->zones[calibration->n_zones];

		if (!snapshot_zone_is_shared(from))
			continue;
		/* It goes into a file, and a daemon may say anything. */
		if (from->name[0] == '\0' || from->name[strspn(from->name, NAME_BYTES)])
			return broken(message, "a zone has a name that no zone has");
		*zone = (struct calibration_zone){ .index = i };
		memcpy(zone->name, from->name, sizeof(zone->name));
		zone->first_uj = zone->block_uj = zone->last_uj = from->sum.total_uj;
		calibration->n_zones++;
	}
	if (calibration->n_zones == 0)
		return broken(message, "vmpower-hostd has no zones");
	calibration->first_ns = snapshot->boottime_ns;
	calibration->block_ns = calibration->last_ns = snapshot->boottime_ns;
	calibration->begun = true;
	return CALIBRATION_GOING;
}

/* Of a tick that is new. The zones are the same, and nothing happened to them. */
static enum calibration_state check(const struct calibration *calibration,
	const struct snapshot *snapshot, char message[CALIBRATION_MESSAGE_SIZE])
{
	for (size_t i = 0; i < calibration->n_zones; i++) {
		const struct calibration_zone *zone = &calibration->zones[i];
		const struct snapshot_zone *from = &snapshot->zones[zone->index];

		if (zone->index >= snapshot->n_zones ||
			strcmp(from->name, zone->name) != 0)
			return broken(message, "the zones of this host changed");
		if (from->state != TICK_ZONE_OK || from->sum.total_uj < zone->last_uj)
			return broken(message,
				"zone %s could not be read all the time; see vmpower "
				"doctor",
				zone->name);
	}
	if (snapshot->quality != MESSAGE_MEASURED)
		return broken(message,
			"vmpower-hostd did not measure all the time: was it restarted, "
			"or the host suspended?");
	return CALIBRATION_GOING;
}

static void end_block(struct calibration *calibration)
{
	uint64_t ns = calibration->last_ns - calibration->block_ns;

	for (size_t i = 0; i < calibration->n_zones; i++) {
		struct calibration_zone *zone = &calibration->zones[i];
		uint64_t mean_uw = power_uw(zone->last_uj - zone->block_uj, ns);

		if (calibration->n_blocks == 0 || mean_uw < zone->lowest_uw)
			zone->lowest_uw = mean_uw;
		if (mean_uw > zone->highest_uw)
			zone->highest_uw = mean_uw;
		zone->block_uj = zone->last_uj;
	}
	calibration->block_ns = calibration->last_ns;
	calibration->n_blocks++;
}

static uint64_t limit_ns(const struct calibration *calibration)
{
	uint64_t thread_ns = calibration->duration_ns / BUSY_THREAD_PART;
	uint64_t all_ns = calibration->duration_ns / BUSY_PART * calibration->n_threads;

	return all_ns > thread_ns ? all_ns : thread_ns;
}

static void take(struct calibration *calibration, const struct snapshot *snapshot)
{
	uint64_t block_ns = calibration->duration_ns / BLOCKS;

	for (size_t i = 0; i < calibration->n_zones; i++) {
		struct calibration_zone *zone = &calibration->zones[i];

		zone->last_uj = snapshot->zones[zone->index].sum.total_uj;
	}
	calibration->last_ns = snapshot->boottime_ns;
	if (block_ns < BLOCK_MIN_NS)
		block_ns = BLOCK_MIN_NS;
	if (calibration->last_ns - calibration->block_ns >= block_ns)
		end_block(calibration);
}

/* A counter that stands still does not make a host that needs no power. */
static enum calibration_state finish(
	const struct calibration *calibration, char message[CALIBRATION_MESSAGE_SIZE])
{
	if (calibration->n_blocks == 0 ||
		calibration->last_ns - calibration->first_ns < calibration->duration_ns)
		return CALIBRATION_GOING;
	for (size_t i = 0; i < calibration->n_zones; i++) {
		if (calibration->zones[i].lowest_uw == 0)
			return broken(message, "the counter of zone %s stands still",
				calibration->zones[i].name);
	}
	return CALIBRATION_DONE;
}

enum calibration_state calibration_add(struct calibration *calibration,
	const struct snapshot *snapshot, uint64_t busy_ns, uint64_t now_ns,
	char message[CALIBRATION_MESSAGE_SIZE])
{
	enum calibration_state state;

	if (!calibration->begun) {
		calibration->busy_first_ns = calibration->busy_last_ns = busy_ns;
		calibration->seen_first_ns = calibration->seen_last_ns = now_ns;
		return begin(calibration, snapshot, message);
	}
	/* A CPU that goes offline takes its time with it. */
	if (busy_ns > calibration->busy_last_ns)
		calibration->busy_last_ns = busy_ns;
	calibration->seen_last_ns = now_ns;
	if (calibration->busy_last_ns - calibration->busy_first_ns >
		limit_ns(calibration))
		return CALIBRATION_BUSY;
	if (snapshot->boottime_ns == calibration->last_ns)
		return CALIBRATION_GOING;
	state = check(calibration, snapshot, message);
	if (state != CALIBRATION_GOING)
		return state;
	take(calibration, snapshot);
	return finish(calibration, message);
}

uint64_t calibration_mean_uw(
	const struct calibration *calibration, const struct calibration_zone *zone)
{
	return power_uw(zone->last_uj - zone->first_uj,
		calibration->last_ns - calibration->first_ns);
}

double calibration_busy_percent(const struct calibration *calibration)
{
	uint64_t ns = calibration->seen_last_ns - calibration->seen_first_ns;
	uint64_t busy_ns = calibration->busy_last_ns - calibration->busy_first_ns;

	return ns ? 100.0 * (double)busy_ns / (double)ns : 0.0;
}

double calibration_limit_percent(const struct calibration *calibration)
{
	return 100.0 * (double)limit_ns(calibration) / (double)calibration->duration_ns;
}
