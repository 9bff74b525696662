/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The file that runs of vmpower measure leave their records in: JSON, one on each line,
 * or CSV with a head. Each record is appended whole, under a lock, or not at all; what
 * is there already is never changed, and a file that is not one of these, of another
 * version, or cut off in the middle of a line, is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/json_text.h"

enum measure_format {
	MEASURE_JSON,
	MEASURE_CSV,
};

/* A sentence that says what is wrong with which file, and what to do. */
#define MEASURE_FILE_ERROR_SIZE 512

/* Likely by the name's end: .csv is CSV. */
enum measure_format measure_file_guess(const char *path);

/*
 * Whether records could be appended; makes the file if it is not there. -EBADMSG: it is
 * none of these; -EAGAIN: somebody else has had it locked for too long; those of
 * open(2).
 */
int measure_file_check(const char *path, enum measure_format format,
	char error[MEASURE_FILE_ERROR_SIZE]);

/* Appends a record, all of its lines; -errno as above, then the file is as it was. */
int measure_file_append(const char *path, enum measure_format format,
	const struct json_text *record, char error[MEASURE_FILE_ERROR_SIZE]);
