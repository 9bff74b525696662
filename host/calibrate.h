/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower calibrate: measures an idle host through hostd, leaves what it found where
 * hostd reads it, and tells it so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct calibrate_config {
	const char *procfs;
	const char *socket; /* RUN/hostd.sock */
	const char *file;   /* STATE/calibration.conf */
	uint64_t duration_s;
	bool undo; /* take the values away again */
};

/* Returns an exit status; why it failed is on stderr, and then nothing was changed. */
int calibrate_run(FILE *out, const struct calibrate_config *config);
