/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The ledger's files: the state directory and its lock, the mapped file, and a new
 * one in its place when it has to grow. What is in them is host/ledger_image.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/ledger_image.h"

#define LEDGER_FILE	       "ledger"
#define LEDGER_CHECKPOINT_FILE "ledger.checkpoint"

struct ledger_file {
	char *dir; /* as given */
	int dir_fd;
	/* The mapped file and its image; NULL: none. */
	uint8_t *map;
	size_t map_size;
	uint64_t inode;
	struct ledger_image image;
	/* One being made. */
	uint8_t *new_map;
	size_t new_size;
	uint64_t new_inode;
};

/* Makes dir if need be and locks it. Errors and message as ledger_open(). */
int ledger_file_open(const char *dir, char message[LEDGER_MESSAGE_SIZE],
	struct ledger_file **ret_file);

/* Unmaps, unlocks, frees. NULL is fine. */
void ledger_file_close(struct ledger_file *file);

/*
 * All of a file, in memory the caller frees. -EFBIG: over LEDGER_IMAGE_SIZE_MAX;
 * -EINVAL: not a regular file; -ENOMEM; -errno.
 */
int ledger_file_read(int dir_fd, const char *name, uint8_t **ret_data, size_t *ret_size);

/* Renames it out of the way; *ret_path is where it is now, which the caller frees. */
int ledger_file_set_aside(struct ledger_file *file, const char *name, char **ret_path);

/* Maps DIR/ledger, ready for the next commit. -errno: it has to be made anew. */
int ledger_file_adopt(struct ledger_file *file);

/*
 * Growth in two steps: create a file with that room, all its blocks reserved, to
 * which the caller commits the whole book; and put it in DIR/ledger's place. Until
 * then the old one stays as it is. A failed step leaves nothing behind.
 */
int ledger_file_create(struct ledger_file *file, const struct ledger_counts *sizes,
	struct ledger_image *ret_image);
/* error: do not put it there, which is what is returned then. */
int ledger_file_install(
	struct ledger_file *file, const struct ledger_image *image, int error);

/* The inode that has the name DIR/ledger; 0: none, or it cannot be told. */
uint64_t ledger_file_inode(int dir_fd);

/* Lets go of what is mapped; the file stays as it is. */
void ledger_file_drop(struct ledger_file *file);
