/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What there is in the kernel's tree: its files, links and directories, so that
 * paths can be drawn that mean something. Read once.
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "tests/unit/random.h"

#define NODES_MAX	128
#define NODES_PATH_SIZE 512
#define NODES_NONE	-1

struct node {
	char path[NODES_PATH_SIZE]; /* from the tree's root, without links */
	mode_t mode;
	int parent; /* NODES_NONE: it is one of the first */
	int target; /* of a link; of all else itself */
};

struct nodes {
	size_t n;
	struct node node[NODES_MAX];
};

/* Reads those below class/powercap and devices/virtual/powercap. -errno. */
int nodes_read(struct nodes *nodes, const char *root);

/*
 * Writes a path, most often of a node: short or not, through links or not, and
 * nonsense now and then. It never leads out of the tree. Returns the node, its last
 * link not followed; NODES_NONE: there is none of that path.
 */
int nodes_draw_path(const struct nodes *nodes, struct random_state *random,
	char path[NODES_PATH_SIZE]);
