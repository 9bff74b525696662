/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The agent's settings, from flags and guest.conf. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define SETTINGS_PORT "/dev/virtio-ports/org.vmpower.0"

struct settings {
	char port[PATH_MAX];
	char mount[PATH_MAX]; /* PRESENT_AUTO, PRESENT_FULL, or an absolute path */
	char run_dir[PATH_MAX];
	bool unmount; /* only what an agent left there that was killed */
	mode_t energy_mode;
	gid_t energy_gid;
	bool msr;
};

/*
 * Fills in the defaults, then what flags and file say. As options_parse(), it ends
 * the process for --help, --version and errors.
 */
void settings_parse(struct settings *settings, int argc, char **argv);
