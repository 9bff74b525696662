/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower enroll --all: as vmpower enroll, for each domain of a selection. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/selection.h"

/*
 * Over a read-write connection to connect; says what it did on out, with how many at the
 * end, and what went wrong on stderr, and goes on with the next. Returns 0, or 1: not all
 * of them went well.
 */
int enroll_all_run(
	FILE *out, const char *connect, const struct selection *selection, bool undo_it);
