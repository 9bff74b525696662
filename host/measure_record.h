/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The record of one measured window: a line of JSON, or CSV with a line for each row and
 * zone. Energies and times are exact, decimal digits; watts are rounded to the microwatt.
 * Its fields are in vmpower(1). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/json_text.h"
#include "host/measure_window.h"

/* What each JSON record begins with, and CSV's first column; other versions differ. */
#define MEASURE_RECORD_BEGIN "{\"type\":\"vmpower-measure\",\"version\":1,"

/* What is the same for all windows of a run of the command. */
struct measure_about {
	const char *name;    /* the user's, "" for none */
	const char *program; /* of the COMMAND, "" for none */
	const char *host;    /* its node name */
	uint64_t n_repeats;  /* that were asked for */
};

struct measure_run {
	struct measure_window window;
	uint64_t repeat; /* from 1 */
	/* Of the COMMAND, CLOCK_BOOTTIME; 0: there was none. */
	uint64_t command_begin_ns, command_end_ns;
	int exit_status; /* as a shell has it; -1: there was no COMMAND */
};

/* One line, newline included. Errors are the text's. */
void measure_record_json(const struct measure_about *about, const struct measure_run *run,
	struct json_text *text);

void measure_record_csv_head(struct json_text *text);
/* Lines ended by CRLF. */
void measure_record_csv(const struct measure_about *about, const struct measure_run *run,
	struct json_text *text);

/* The same object without the newline, for others to put into theirs. */
void measure_record_object(const struct measure_about *about,
	const struct measure_run *run, struct json_text *text);
