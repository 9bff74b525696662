/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One operation on a tree, with all that it needs but the tree: it means the same
 * wherever in a history it stands, so that others can be left out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/oracle/nodes.h"

/* Open files at a time. */
#define OPERATION_SLOTS	    8
#define OPERATION_DATA_SIZE 64

enum operation_kind {
	OPERATION_OPEN,
	/* Of an open file; nothing where the slot has none. */
	OPERATION_CLOSE,
	OPERATION_READ,
	OPERATION_PREAD,
	OPERATION_WRITE,
	OPERATION_PWRITE,
	OPERATION_LSEEK,
	OPERATION_FSTAT,
	OPERATION_LIST,
	OPERATION_POLL,
	OPERATION_FTRUNCATE,
	OPERATION_FCHMOD,
	OPERATION_FCHOWN,
	OPERATION_FSYNC,
	OPERATION_IOCTL,
	OPERATION_MMAP,
	/* Of a path. */
	OPERATION_STAT,
	OPERATION_LSTAT,
	OPERATION_READLINK,
	OPERATION_ACCESS,
	OPERATION_TRUNCATE,
	OPERATION_CHMOD,
	OPERATION_CHOWN,
	OPERATION_LCHOWN,
	OPERATION_UTIMENS,
	OPERATION_UNLINK,
	OPERATION_RMDIR,
	OPERATION_MKDIR,
	OPERATION_MKNOD,
	OPERATION_SYMLINK,
	OPERATION_LINK,
	OPERATION_RENAME,
	OPERATION_CHDIR,
	/* Energy flows. */
	OPERATION_ADVANCE,
	OPERATION_KINDS,
};

struct operation {
	enum operation_kind kind;
	bool user; /* else root does it */
	unsigned int slot;
	int flags; /* of open, access, rename; whence, events */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t offset; /* or a length */
	/* Of what is read, or written: the data, then the filling. */
	size_t size;
	size_t data_len;
	char data[OPERATION_DATA_SIZE];
	char filling;
	char path[NODES_PATH_SIZE];
	int node;
	char other[NODES_PATH_SIZE];
	uint32_t uj[2];
};

void operation_draw(struct operation *operation, const struct nodes *nodes,
	struct random_state *random);

bool operation_has_slot(const struct operation *operation);
