/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Reading the nodes of a tree, and drawing paths to them. */
#include "tests/oracle/nodes.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

/* Steps of a path that wanders. */
#define STEPS_MAX 10

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char *const tops[] = { "class/powercap", "devices/virtual/powercap" };

static int add(struct nodes *nodes, const char *root, const char *path, int parent)
{
	char full[PATH_MAX];
	struct node *node = &nodes->node[nodes->n];
	struct stat st;

	if (nodes->n == NODES_MAX)
		return -ENOSPC;
	snprintf(full, sizeof(full), "%s/%s", root, path);
	if (lstat(full, &st) < 0)
		return -errno;
	snprintf(node->path, sizeof(node->path), "%s", path);
	node->mode = st.st_mode;
	node->parent = parent;
	nodes->n++;
	return 0;
}

/* The entries of a directory, in one order on every machine. */
static int add_entries(struct nodes *nodes, const char *root, int parent)
{
	char full[PATH_MAX], path[PATH_MAX];
	struct dirent **entries;
	int r = 0, n;

	snprintf(full, sizeof(full), "%s/%s", root, nodes->node[parent].path);
	n = scandir(full, &entries, NULL, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		snprintf(path, sizeof(path), "%s/%s", nodes->node[parent].path, name);
		if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			r = add(nodes, root, path, parent);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* What the path of a link leads to; a link leads nowhere else than to a node. */
static int find_target(const struct nodes *nodes, const char *root, int link)
{
	char full[PATH_MAX], real[PATH_MAX], real_root[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", root, nodes->node[link].path);
	if (!realpath(full, real) || !realpath(root, real_root))
		return -errno;
	for (size_t i = 0; i < nodes->n; i++) {
		if (strcmp(real + strlen(real_root) + 1, nodes->node[i].path) == 0)
			return (int)i;
	}
	return -ENOENT;
}

int nodes_read(struct nodes *nodes, const char *root)
{
	int r = 0;

	nodes->n = 0;
	for (size_t i = 0; r == 0 && i < N(tops); i++)
		r = add(nodes, root, tops[i], NODES_NONE);
	for (int i = 0; r == 0 && i < (int)nodes->n; i++) {
		if (S_ISDIR(nodes->node[i].mode))
			r = add_entries(nodes, root, i);
	}
	for (int i = 0; r == 0 && i < (int)nodes->n; i++) {
		int target = i;

		if (S_ISLNK(nodes->node[i].mode))
			target = find_target(nodes, root, i);
		if (target < 0)
			r = target;
		else
			nodes->node[i].target = target;
	}
	return r;
}

static void append(char path[NODES_PATH_SIZE], const char *component)
{
	size_t len = strlen(path);

	snprintf(
		path + len, NODES_PATH_SIZE - len, "%s%s", len > 0 ? "/" : "", component);
}

static const char *last_component(const struct node *node)
{
	return strrchr(node->path, '/') + 1;
}

/* A child of a directory, with the same chance for each. */
static int draw_child(
	const struct nodes *nodes, struct random_state *random, int directory)
{
	int child = NODES_NONE;
	uint64_t n = 0;

	for (int i = 0; i < (int)nodes->n; i++) {
		if (nodes->node[i].parent == directory && random_one_in(random, ++n))
			child = i;
	}
	return child;
}

/* Up, down and through links. */
static int wander(const struct nodes *nodes, struct random_state *random,
	char path[NODES_PATH_SIZE])
{
	int node = (int)random_below(random, N(tops));

	append(path, nodes->node[node].path);
	for (unsigned int i = 0; i < STEPS_MAX && !random_one_in(random, STEPS_MAX);
		i++) {
		int here = nodes->node[node].target, next;

		if (!S_ISDIR(nodes->node[here].mode))
			break;
		if (random_one_in(random, 8)) {
			append(path, random_one_in(random, 2) ? "." : "");
			node = here;
		} else if (random_one_in(random, 6) && nodes->node[here].parent >= 0) {
			append(path, "..");
			node = nodes->node[here].parent;
		} else if ((next = draw_child(nodes, random, here)) >= 0) {
			append(path, last_component(&nodes->node[next]));
			node = next;
		}
	}
	return node;
}

/* Those that change; the rest reads always the same. */
static bool is_favourite(const struct node *node)
{
	const char *name = last_component(node);

	return strcmp(name, "energy_uj") == 0 || strcmp(name, "control") == 0;
}

static int draw_node(const struct nodes *nodes, struct random_state *random)
{
	bool favourite = random_one_in(random, 2);
	int node;

	do {
		node = (int)random_below(random, nodes->n);
	} while (favourite && !is_favourite(&nodes->node[node]));
	return node;
}

/* Makes a path of a node one that is none, most often. */
static int spoil(const struct nodes *nodes, struct random_state *random,
	char path[NODES_PATH_SIZE], int node)
{
	static const char *const endings[] = { "", ".", "..", "nothing", "intel-rapl:1" };
	uint64_t ending = random_below(random, N(endings));
	const struct node *target = &nodes->node[nodes->node[node].target];
	char longest[300];

	/* Nothing must lead out of the tree. */
	if (target->parent == NODES_NONE || random_one_in(random, 8)) {
		memset(longest, 'n', sizeof(longest) - 1);
		longest[random_one_in(random, 2) ? 255 : 299] = '\0';
		append(path, longest);
		return NODES_NONE;
	}
	append(path, endings[ending]);
	if (!S_ISDIR(target->mode) || ending > 2)
		return NODES_NONE;
	return ending == 2 ? target->parent : nodes->node[node].target;
}

int nodes_draw_path(const struct nodes *nodes, struct random_state *random,
	char path[NODES_PATH_SIZE])
{
	int node;

	path[0] = '\0';
	if (random_one_in(random, 64))
		return NODES_NONE;
	if (random_one_in(random, 3)) {
		node = wander(nodes, random, path);
	} else {
		node = draw_node(nodes, random);
		append(path, nodes->node[node].path);
	}
	if (random_one_in(random, 8))
		node = spoil(nodes, random, path, node);
	return node;
}
