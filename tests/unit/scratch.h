/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A directory of a test's own, for trees that change while it runs. */
#pragma once

#include <limits.h>

struct scratch {
	char path[64];
};

/* All of these end the test when they fail. */
void scratch_init(struct scratch *scratch);
void scratch_deinit(struct scratch *scratch);

/* (Re)places a file by rename, and makes the directories above it. */
void scratch_write(const struct scratch *scratch, const char *path, const char *text);
void scratch_unlink(const struct scratch *scratch, const char *path);
void scratch_link(const struct scratch *scratch, const char *path, const char *target);

/* Makes the files of FIXTURES/hosts/HOST.host: sys and proc. */
void scratch_unpack(
	const struct scratch *scratch, const char *fixtures, const char *host);
