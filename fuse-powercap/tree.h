/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The powercap tree as files: one table says what there is, and every question
 * the mount asks is answered from it. Pure: no FUSE, no fd, no clock.
 *
 * Formats, modes and errors are those of drivers/powercap/powercap_sys.c and of
 * fs/kernfs (Documentation/power/powercap/powercap.rst).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "fuse-powercap/zone.h"
#include "shared/cleanup.h"

/* The inode number of a tree's root, which is also FUSE's. */
#define POWERCAP_TREE_ROOT 1u
/* Room for every file's text, link's target and entry's name, with a NUL. */
#define POWERCAP_TREE_TEXT_SIZE	  128
#define POWERCAP_TREE_ENERGY_MODE 0400

enum powercap_layout {
	/*
	 * For /sys/class/powercap where /sys/devices/virtual/powercap cannot be
	 * made: intel-rapl is a real directory, the zones are links into it.
	 */
	POWERCAP_LAYOUT_AUTO,
	/* class/powercap with links only, into devices/virtual/powercap. */
	POWERCAP_LAYOUT_BOTH,
};

struct powercap_tree_options {
	enum powercap_layout layout;
	/* Permission bits and group of energy_uj; all else is root's. */
	mode_t energy_mode;
	gid_t energy_gid;
	/* Time stamps of everything, seconds since 1970. */
	time_t time_s;
	/*
	 * What energy_uj of a zone reads now, within 0..max_energy_range_uj; or the
	 * -errno to be read instead. It must not block.
	 */
	int (*read_energy)(void *context, unsigned int zone, uint64_t *ret_uj);
	void *context;
};

struct powercap_tree;

/*
 * A tree of the model's zones, which are copied; the caller owns it. options and
 * its context are the caller's, the context must outlive the tree. -ENOMEM;
 * -EINVAL: energy_mode has more than permission bits.
 */
int powercap_tree_new(const struct powercap_model *model,
	const struct powercap_tree_options *options, struct powercap_tree **ret_tree);
struct powercap_tree *powercap_tree_free(struct powercap_tree *tree);

static inline void cleanup_powercap_tree_freep(struct powercap_tree **tree)
{
	powercap_tree_free(*tree);
}
#define cleanup_powercap_tree cleanup(cleanup_powercap_tree_freep)

/*
 * All functions below that return an int give -ENOENT for an inode number the tree
 * does not have.
 */

/* The entry of that name. -ENOENT: there is none; -ENOTDIR. */
int powercap_tree_lookup(const struct powercap_tree *tree, uint64_t dir, const char *name,
	uint64_t *ret_ino);

/* Type, permission, owner, links, size and times, as sysfs would give them. */
int powercap_tree_stat(
	const struct powercap_tree *tree, uint64_t ino, struct stat *ret_stat);

struct powercap_entry {
	uint64_t ino;
	/* Only the file type. */
	mode_t type;
	char name[POWERCAP_TREE_TEXT_SIZE];
};

/*
 * The entry of a directory at *cursor, which is moved behind it; "." and ".." come
 * first. The cursor begins at 0 and is otherwise opaque; it stays valid. Returns 1,
 * 0 at the end, -ENOTDIR.
 */
int powercap_tree_next(const struct powercap_tree *tree, uint64_t dir, uint64_t *cursor,
	struct powercap_entry *ret_entry);

/* Writes a link's target with a NUL; returns its length. -EINVAL: not a link. */
ssize_t powercap_tree_readlink(const struct powercap_tree *tree, uint64_t ino,
	char text[POWERCAP_TREE_TEXT_SIZE]);

/*
 * Whether the file can be opened so by anybody, root included, which the kernel
 * does not check: -EACCES without a permission bit for it. -EISDIR, -ELOOP: not a
 * file.
 */
int powercap_tree_check_open(
	const struct powercap_tree *tree, uint64_t ino, bool reads, bool writes);

/*
 * Whether the file reads something else each time, so that one who reads it in
 * parts needs them to be of one text.
 */
bool powercap_tree_moves(const struct powercap_tree *tree, uint64_t ino);

/*
 * Writes what the file reads now, with a NUL; returns its length without that.
 * -EIO: stale energy_uj, or autosuspend_delay_ms; -EINVAL: not a file.
 */
ssize_t powercap_tree_render(const struct powercap_tree *tree, uint64_t ino,
	char text[POWERCAP_TREE_TEXT_SIZE]);

/*
 * Stores what was written in one write(2). 0: all of it is taken. The errors are the
 * kernel's with limits locked: -EINVAL: malformed, -ENODATA: a constraint, -ENOSYS:
 * enabled, -EIO: read-only, or not a file.
 */
int powercap_tree_store(
	struct powercap_tree *tree, uint64_t ino, const char *data, size_t len);

/* chmod(2), remembered as long as the tree lives; the file type is ignored. */
int powercap_tree_set_mode(struct powercap_tree *tree, uint64_t ino, mode_t mode);

/* chown(2), likewise; -1 leaves the user or the group. */
int powercap_tree_set_owner(
	struct powercap_tree *tree, uint64_t ino, uid_t uid, gid_t gid);
