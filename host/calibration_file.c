/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The file between vmpower calibrate and vmpower-hostd. */
#include "host/calibration_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/durable.h"
#include "shared/cleanup.h"
#include "shared/number.h"

#define WATTS_MAX 100000
#define UW_PER_W  1000000

static struct calibration_value *get_zone(
	struct calibration_values *values, const char *name, size_t len)
{
	struct calibration_value *zone;

	for (size_t i = 0; i < values->n_zones; i++) {
		zone = &values->zones[i];
		if (strlen(zone->name) == len && memcmp(zone->name, name, len) == 0)
			return zone;
	}
	if (values->n_zones == MACHINE_ZONES_MAX || len == 0 || len >= sizeof(zone->name))
		return NULL;
	zone = &values->zones[values->n_zones++];
	*zone = (struct calibration_value){ 0 };
	memcpy(zone->name, name, len);
	return zone;
}

static int take_key(void *user, const char *section, const char *key, const char *value)
{
	struct calibration_values *values = user;
	struct calibration_value *zone;
	size_t len = strlen(section);
	double watts;

	if (strcmp(section, "calibration") == 0)
		return 1;
	if (len < strlen("zone \"\"") || strncmp(section, "zone \"", 6) != 0 ||
		section[len - 1] != '"' ||
		number_parse_double(value, WATTS_MAX, &watts) < 0)
		return 0;
	if (strcmp(key, "idle_w") != 0)
		return 1;
	zone = get_zone(values, section + 6, len - 7);
	if (!zone)
		return 0;
	zone->idle_uw = (uint64_t)(watts * UW_PER_W + 0.5);
	return 1;
}

int calibration_file_read(
	const char *path, struct calibration_values *ret_values, int *ret_line)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	struct calibration_values values = { 0 };
	int r;

	if (!file)
		return -errno;
	r = ini_parse_file(file, take_key, &values);
	if (ferror(file))
		return -EIO;
	if (r < 0)
		return -ENOMEM;
	if (r > 0) {
		*ret_line = r;
		return -EINVAL;
	}
	*ret_values = values;
	return 0;
}

static void print_watts(FILE *out, const char *key, uint64_t uw)
{
	fprintf(out, "%s = %" PRIu64 ".%06" PRIu64 "\n", key, uw / UW_PER_W,
		uw % UW_PER_W);
}

static void print(FILE *out, const struct calibration *calibration, time_t date)
{
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&date, &tm));
	fprintf(out,
		"# Written by vmpower calibrate. vmpower-hostd reads it at its start and on "
		"SIGHUP;\n# idle_w in hostd.conf wins.\n"
		"[calibration]\ndate = %s\nseconds = %" PRIu64 "\n",
		text, (calibration->last_ns - calibration->first_ns) / 1000000000);
	for (size_t i = 0; i < calibration->n_zones; i++) {
		const struct calibration_zone *zone = &calibration->zones[i];

		fprintf(out, "\n[zone \"%s\"]\n", zone->name);
		print_watts(out, "idle_w", zone->lowest_uw);
		print_watts(out, "mean_w", calibration_mean_uw(calibration, zone));
		print_watts(out, "highest_w", zone->highest_uw);
	}
}

/* To the owner of the directory, who is to read it. */
static int give_away(int fd, const char *path)
{
	cleanup_free char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return -ENOMEM;
	if (stat(dirname(copy), &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)
		return -errno;
	return 0;
}

int calibration_file_write(
	const char *path, const struct calibration *calibration, time_t date)
{
	/* The directory is a daemon's with fewer rights: no file of its making. */
	int fd = durable_open_new(AT_FDCWD, path, O_WRONLY | O_EXCL), r;
	FILE *out;

	if (fd < 0)
		return fd;
	r = give_away(fd, path);
	out = fdopen(fd, "w");
	if (!out) {
		close(fd);
		return durable_replace(AT_FDCWD, path, -ENOMEM);
	}
	print(out, calibration, date);
	return durable_replace(AT_FDCWD, path, durable_close(out, r));
}
