/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower measure: the energy of domains while a COMMAND runs, or for a time, between
 * two ticks that hostd is asked for. How options are given is host/measure_command.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/measure_file.h"

struct measure_config {
	const char *socket; /* RUN/hostd.sock */
	const char *const *domains;
	size_t n_domains;
	bool all;
	char *const *command; /* NULL: for a time */
	uint64_t duration_s;
	uint64_t n_repeats;
	const char *name; /* "" for none */
	const char *file; /* to append to; NULL: none */
	enum measure_format format;
	bool json;
};

/* When something of vmpower's own fails, and there is a COMMAND. */
#define MEASURE_EXIT_FAILURE 125

/* Returns an exit status, see vmpower(1); what failed is on stderr. */
int measure_run(const struct measure_config *config);
