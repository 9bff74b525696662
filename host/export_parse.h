/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Reads a file of export rows back, CSV or NDJSON, whichever it is. The file may come
 * from anywhere: every row is checked, and the first that is wrong ends it. Empty lines
 * are none, and a byte order mark at the beginning is passed over.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "host/export_row.h"

#define EXPORT_MESSAGE_SIZE 256

/* The row is valid during the call. Other than 0 ends the reading. */
typedef int export_take(const struct export_row *row, void *data);

/*
 * -EBADMSG: message says what is wrong in *ret_line, counted from 1; -ENOMEM; -EIO; or
 * what the taker returned, with the line it was at.
 */
int export_parse(FILE *in, export_take *take, void *data, uint64_t *ret_line,
	char message[EXPORT_MESSAGE_SIZE]);
