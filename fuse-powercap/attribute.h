/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The attribute table: every directory, link and file of the tree, what it reads
 * and what writing to it does. Inside tree.c's walls only; others use tree.h.
 *
 * A node of the tree is a row of the table and a slot: slot 0 is the control type,
 * and all that is above it; slot n + 1 is zone n.
 */
#pragma once

#include "fuse-powercap/tree.h"

/* The kinds of directories. A row is in those of one or more kinds. */
enum {
	DIR_FLAT = 1 << 0,     /* the root of POWERCAP_LAYOUT_AUTO */
	DIR_TOP = 1 << 1,      /* the root of POWERCAP_LAYOUT_BOTH, and below it: */
	DIR_CLASS = 1 << 2,    /* class */
	DIR_LINKS = 1 << 3,    /* class/powercap */
	DIR_DEVICES = 1 << 4,  /* devices */
	DIR_VIRTUAL = 1 << 5,  /* devices/virtual */
	DIR_CONTROLS = 1 << 6, /* devices/virtual/powercap */
	DIR_CONTROL = 1 << 7,
	DIR_PACKAGE = 1 << 8,
	DIR_DRAM = 1 << 9,
	DIR_POWER = 1 << 10,

	DIR_ZONE = DIR_PACKAGE | DIR_DRAM,
	DIR_DEVICE = DIR_CONTROL | DIR_ZONE,
};

/* How often a row is in a directory. */
enum repeat {
	ONCE,
	EACH_CHILD, /* for each zone below the directory's own */
	EACH_ZONE,
};

/* The roots are the first rows. */
enum {
	ROW_FLAT,
	ROW_TOP,
};

struct powercap_node {
	unsigned int row;
	unsigned int slot;
};

struct powercap_owner {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct powercap_tree {
	struct powercap_model model;
	struct powercap_tree_options options;
	unsigned int n_slots;
	unsigned int root_row;
	/* What was stored in power/control: "on" instead of "auto". */
	bool power_on[1 + POWERCAP_ZONES_MAX];
	/* Of every node, by its row and slot. */
	struct powercap_owner *owners;
};

struct powercap_attribute {
	/* NULL: the name of the zone's directory. */
	const char *name;
	mode_t mode;
	/* Permission bits and group are the options'. */
	bool configurable;
	/* Reads something else each time. */
	bool moves;
	unsigned int within;
	/* Of a directory: the kind it is. */
	unsigned int holds;
	enum repeat repeat;
	/* The number of its constraint, where it is of one. */
	unsigned int constraint;
	/* Of a file: what it always reads. */
	const char *text;
	/* Writes what it reads, or links to; returns the length. */
	ssize_t (*render)(const struct powercap_tree *tree, struct powercap_node node,
		char text[POWERCAP_TREE_TEXT_SIZE]);
	int (*store)(struct powercap_tree *tree, unsigned int slot, const char *data,
		size_t len);
};

extern const struct powercap_attribute powercap_attributes[];
extern const unsigned int powercap_n_attributes;

static inline const struct powercap_zone *powercap_slot_zone(
	const struct powercap_tree *tree, unsigned int slot)
{
	return &tree->model.zones[slot - 1];
}

/* The slot above, of a zone's slot. */
static inline unsigned int powercap_slot_parent(
	const struct powercap_tree *tree, unsigned int slot)
{
	return (unsigned int)(powercap_slot_zone(tree, slot)->parent + 1);
}

/* Directories between the control type's and the slot's, itself included. */
static inline unsigned int powercap_slot_depth(
	const struct powercap_tree *tree, unsigned int slot)
{
	if (slot == 0)
		return 0;
	return powercap_slot_parent(tree, slot) == 0 ? 1 : 2;
}
