/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A tree as text, one line a node: path, mode, links, size and what it reads or
 * points to; compared with tests/fixtures/tree/NAME.txt. The pure tree and the
 * mounted one have to give the same text.
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "fuse-powercap/tree.h"

#define LISTING_LINES_MAX 1024

struct listing {
	size_t n_lines;
	char *lines[LISTING_LINES_MAX];
};

/* detail: a link's target, what a file reads, or "EIO"; NULL for a directory. */
void listing_add(struct listing *listing, const char *path, const struct stat *attr,
	const char *detail);

/* Fails the test unless it is the fixture's text; frees the lines. */
void listing_check(struct listing *listing, const char *name);

/* Packages with a dram each, in the order package-0, dram, package-1, dram. */
struct powercap_model listing_model(unsigned int n_packages);

/* What the fixtures' energy_uj read: 1000001 and a hundred more each zone. */
int listing_read_energy(void *context, unsigned int zone, uint64_t *ret_uj);
