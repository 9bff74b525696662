/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* How the attribute table's rows make up a tree, and the questions it answers. */
#include "fuse-powercap/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuse-powercap/attribute.h"

#define FILE_SIZE 4096

/* The kinds of directories there are at a slot, in this layout. */
static unsigned int slot_kinds(const struct powercap_tree *tree, unsigned int slot)
{
	if (slot == 0 && tree->options.layout == POWERCAP_LAYOUT_AUTO)
		return DIR_FLAT | DIR_CONTROL | DIR_POWER;
	if (slot == 0)
		return ~(unsigned int)(DIR_FLAT | DIR_ZONE);
	if (powercap_slot_depth(tree, slot) == 1)
		return DIR_POWER | DIR_PACKAGE;
	return DIR_POWER | DIR_DRAM;
}

static uint64_t node_ino(const struct powercap_tree *tree, struct powercap_node node)
{
	if (node.row == tree->root_row)
		return POWERCAP_TREE_ROOT;
	return POWERCAP_TREE_ROOT + 1 + (uint64_t)node.row * tree->n_slots + node.slot;
}

/* Whether there is such a node, given a row and a slot in range. */
static bool node_exists(const struct powercap_tree *tree, struct powercap_node node)
{
	const struct powercap_attribute *attribute = &powercap_attributes[node.row];

	if (!attribute->within)
		return node.row == tree->root_row && node.slot == 0;
	if (attribute->repeat == EACH_ZONE)
		return node.slot > 0;
	if (attribute->repeat == EACH_CHILD)
		return attribute->holds & slot_kinds(tree, node.slot) & DIR_ZONE;
	return attribute->within & slot_kinds(tree, node.slot);
}

static int node_find(
	const struct powercap_tree *tree, uint64_t ino, struct powercap_node *ret_node)
{
	struct powercap_node node = { .row = tree->root_row };

	if (ino < POWERCAP_TREE_ROOT)
		return -ENOENT;
	if (ino > POWERCAP_TREE_ROOT) {
		ino -= POWERCAP_TREE_ROOT + 1;
		if (ino >= (uint64_t)powercap_n_attributes * tree->n_slots)
			return -ENOENT;
		node.row = (unsigned int)(ino / tree->n_slots);
		node.slot = (unsigned int)(ino % tree->n_slots);
		if (node.row == tree->root_row || !node_exists(tree, node))
			return -ENOENT;
	}
	*ret_node = node;
	return 0;
}

static int node_find_dir(
	const struct powercap_tree *tree, uint64_t ino, struct powercap_node *ret_node)
{
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	if (!S_ISDIR(powercap_attributes[node.row].mode))
		return -ENOTDIR;
	*ret_node = node;
	return 0;
}

/* Whether the directory has the node for an entry. */
static bool dir_has(const struct powercap_tree *tree, struct powercap_node dir,
	struct powercap_node node)
{
	const struct powercap_attribute *attribute = &powercap_attributes[node.row];

	if (!(attribute->within & powercap_attributes[dir.row].holds))
		return false;
	if (attribute->repeat == EACH_ZONE)
		return node.slot > 0;
	if (attribute->repeat == EACH_CHILD)
		return node.slot > 0 && powercap_slot_parent(tree, node.slot) == dir.slot;
	return node.slot == dir.slot;
}

/* The directory above a directory; the root is above itself. */
static struct powercap_node dir_parent(
	const struct powercap_tree *tree, struct powercap_node dir)
{
	struct powercap_node parent = { .slot = dir.slot };

	if (dir.row == tree->root_row)
		return dir;
	if (powercap_attributes[dir.row].repeat == EACH_CHILD)
		parent.slot = powercap_slot_parent(tree, dir.slot);
	while (!node_exists(tree, parent) || !dir_has(tree, parent, dir))
		parent.row++;
	return parent;
}

static void node_name(const struct powercap_tree *tree, struct powercap_node node,
	char name[POWERCAP_TREE_TEXT_SIZE])
{
	const char *fixed = powercap_attributes[node.row].name;

	if (fixed)
		snprintf(name, POWERCAP_TREE_TEXT_SIZE, "%s", fixed);
	else
		powercap_model_format_id(&tree->model, node.slot - 1, name);
}

static struct powercap_owner *owner_of(
	const struct powercap_tree *tree, struct powercap_node node)
{
	return &tree->owners[node.row * tree->n_slots + node.slot];
}

static void init_owners(struct powercap_tree *tree)
{
	for (unsigned int row = 0; row < powercap_n_attributes; row++) {
		for (unsigned int slot = 0; slot < tree->n_slots; slot++) {
			struct powercap_node node = { row, slot };
			struct powercap_owner *owner = owner_of(tree, node);

			owner->mode = powercap_attributes[row].mode;
			if (!powercap_attributes[row].configurable)
				continue;
			owner->mode |= tree->options.energy_mode;
			owner->gid = tree->options.energy_gid;
		}
	}
}

int powercap_tree_new(const struct powercap_model *model,
	const struct powercap_tree_options *options, struct powercap_tree **ret_tree)
{
	cleanup_powercap_tree struct powercap_tree *tree = NULL;

	if (options->energy_mode & ~(mode_t)0777)
		return -EINVAL;
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	tree->model = *model;
	tree->options = *options;
	tree->n_slots = 1 + model->n_zones;
	tree->root_row = options->layout == POWERCAP_LAYOUT_BOTH ? ROW_TOP : ROW_FLAT;
	tree->owners = calloc(
		(size_t)powercap_n_attributes * tree->n_slots, sizeof(*tree->owners));
	if (!tree->owners)
		return -ENOMEM;
	init_owners(tree);
	*ret_tree = steal_pointer(&tree);
	return 0;
}

struct powercap_tree *powercap_tree_free(struct powercap_tree *tree)
{
	if (tree)
		free(tree->owners);
	free(tree);
	return NULL;
}

int powercap_tree_lookup(const struct powercap_tree *tree, uint64_t dir, const char *name,
	uint64_t *ret_ino)
{
	struct powercap_entry entry;
	uint64_t cursor = 0;
	int r;

	while ((r = powercap_tree_next(tree, dir, &cursor, &entry)) > 0) {
		if (strcmp(entry.name, name) == 0) {
			*ret_ino = entry.ino;
			return 0;
		}
	}
	return r < 0 ? r : -ENOENT;
}

static nlink_t count_links(const struct powercap_tree *tree, uint64_t ino)
{
	struct powercap_entry entry;
	uint64_t cursor = 0;
	nlink_t n = 0;

	while (powercap_tree_next(tree, ino, &cursor, &entry) > 0)
		n += S_ISDIR(entry.type);
	return n;
}

int powercap_tree_stat(
	const struct powercap_tree *tree, uint64_t ino, struct stat *ret_stat)
{
	const struct powercap_owner *owner;
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	owner = owner_of(tree, node);
	*ret_stat = (struct stat){
		.st_ino = ino,
		.st_mode = owner->mode,
		.st_nlink = S_ISDIR(owner->mode) ? count_links(tree, ino) : 1,
		.st_uid = owner->uid,
		.st_gid = owner->gid,
		.st_size = S_ISREG(owner->mode) ? FILE_SIZE : 0,
		.st_blksize = FILE_SIZE,
		.st_atim.tv_sec = tree->options.time_s,
		.st_mtim.tv_sec = tree->options.time_s,
		.st_ctim.tv_sec = tree->options.time_s,
	};
	return 0;
}

/* "." at cursor 0, ".." at 1. */
static void dot_entry(const struct powercap_tree *tree, struct powercap_node dir,
	uint64_t cursor, struct powercap_entry *entry)
{
	struct powercap_node node = cursor == 0 ? dir : dir_parent(tree, dir);

	entry->ino = node_ino(tree, node);
	entry->type = S_IFDIR;
	snprintf(entry->name, sizeof(entry->name), "%s", cursor == 0 ? "." : "..");
}

int powercap_tree_next(const struct powercap_tree *tree, uint64_t dir, uint64_t *cursor,
	struct powercap_entry *ret_entry)
{
	struct powercap_node parent;
	int r;

	r = node_find_dir(tree, dir, &parent);
	if (r < 0)
		return r;
	if (*cursor < 2) {
		dot_entry(tree, parent, (*cursor)++, ret_entry);
		return 1;
	}
	while (*cursor - 2 < (uint64_t)powercap_n_attributes * tree->n_slots) {
		uint64_t position = (*cursor)++ - 2;
		struct powercap_node node = { (unsigned int)(position / tree->n_slots),
			(unsigned int)(position % tree->n_slots) };

		if (!dir_has(tree, parent, node))
			continue;
		ret_entry->ino = node_ino(tree, node);
		ret_entry->type = powercap_attributes[node.row].mode & S_IFMT;
		node_name(tree, node, ret_entry->name);
		return 1;
	}
	return 0;
}

ssize_t powercap_tree_readlink(const struct powercap_tree *tree, uint64_t ino,
	char text[POWERCAP_TREE_TEXT_SIZE])
{
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	if (!S_ISLNK(powercap_attributes[node.row].mode))
		return -EINVAL;
	return powercap_attributes[node.row].render(tree, node, text);
}

int powercap_tree_check_open(
	const struct powercap_tree *tree, uint64_t ino, bool reads, bool writes)
{
	struct powercap_node node;
	mode_t mode;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	mode = owner_of(tree, node)->mode;
	if (!S_ISREG(mode))
		return S_ISDIR(mode) ? -EISDIR : -ELOOP;
	if (reads && !(mode & 0444))
		return -EACCES;
	if (writes && !(mode & 0222))
		return -EACCES;
	return 0;
}

bool powercap_tree_moves(const struct powercap_tree *tree, uint64_t ino)
{
	struct powercap_node node;

	return node_find(tree, ino, &node) == 0 && powercap_attributes[node.row].moves;
}

ssize_t powercap_tree_render(const struct powercap_tree *tree, uint64_t ino,
	char text[POWERCAP_TREE_TEXT_SIZE])
{
	const struct powercap_attribute *attribute;
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	attribute = &powercap_attributes[node.row];
	if (!S_ISREG(attribute->mode))
		return -EINVAL;
	if (attribute->text)
		return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "%s", attribute->text);
	return attribute->render(tree, node, text);
}

int powercap_tree_store(
	struct powercap_tree *tree, uint64_t ino, const char *data, size_t len)
{
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	if (!powercap_attributes[node.row].store)
		return -EIO;
	return powercap_attributes[node.row].store(tree, node.slot, data, len);
}

int powercap_tree_set_mode(struct powercap_tree *tree, uint64_t ino, mode_t mode)
{
	struct powercap_owner *owner;
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	owner = owner_of(tree, node);
	owner->mode = (owner->mode & S_IFMT) | (mode & 07777);
	return 0;
}

int powercap_tree_set_owner(
	struct powercap_tree *tree, uint64_t ino, uid_t uid, gid_t gid)
{
	struct powercap_owner *owner;
	struct powercap_node node;
	int r;

	r = node_find(tree, ino, &node);
	if (r < 0)
		return r;
	owner = owner_of(tree, node);
	if (uid != (uid_t)-1)
		owner->uid = uid;
	if (gid != (gid_t)-1)
		owner->gid = gid;
	return 0;
}
