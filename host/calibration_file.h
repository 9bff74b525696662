/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * STATE/calibration.conf: the idle power that vmpower calibrate found, for hostd. An
 * INI file,
 *
 *	[calibration]
 *	date = 2026-11-21T10:20:30Z
 *	seconds = 60
 *
 *	[zone "package-0"]
 *	idle_w = 21.503417
 *	mean_w = 21.610002
 *	highest_w = 21.902113
 *
 * of which only the zones' idle_w is taken; what else is there is for people.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "host/calibration.h"
#include "host/machine.h"

#define CALIBRATION_FILE "calibration.conf"

struct calibration_value {
	char name[MACHINE_ZONE_NAME_SIZE];
	uint64_t idle_uw;
};

struct calibration_values {
	size_t n_zones;
	struct calibration_value zones[MACHINE_ZONES_MAX];
};

/*
 * All of the file at path. -ENOENT: there is none. -EINVAL: line *ret_line is not of
 * such a file. -errno. ret_values is untouched on failure.
 */
int calibration_file_read(
	const char *path, struct calibration_values *ret_values, int *ret_line);

/*
 * Puts what was found, at that time, in the place of the file at path: whole or not at
 * all. It is the owner's of the directory, mode 0600. -errno.
 */
int calibration_file_write(
	const char *path, const struct calibration *calibration, time_t date);
