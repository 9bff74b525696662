/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Operations of an open file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "tests/oracle/side.h"

/* What the system call returned, its errno still set; CLOSE closes the fd. */
int64_t handle_perform(int fd, bool directory, const struct operation *operation,
	struct outcome *outcome);

/* What a stat(2) that returned r has in st; returns r. */
int64_t handle_take_stat(struct outcome *outcome, int r, const struct stat *st);
