/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One of the two trees, with the files that are open in it, and what operations
 * there come to. It compares nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/oracle/operation.h"

/* All that a file of the tree, or a listing of a directory, can be. */
#define OUTCOME_DATA_SIZE 4096

/* Where a read began: the kernel keeps what a reader who goes on has not read yet. */
enum outcome_part {
	OUTCOME_BEGINNING,
	OUTCOME_GOING_ON,
	OUTCOME_ELSEWHERE, /* and all that go on from there */
};

struct outcome {
	int64_t result;
	int error;
	/* Of the slot's file, before and after; -1: of none, or of a directory. */
	int64_t before, after;
	enum outcome_part part;
	/* All 0 where nothing was asked for them. */
	uint32_t mode, links, uid, gid;
	int64_t size, blocks, block_size;
	/* What was read; a line for each entry, in order of their names. */
	size_t len;
	char data[OUTCOME_DATA_SIZE];
};

struct side {
	int root_fd;
	struct {
		int fd;
		bool directory;
		int64_t position, read_end;
		bool strayed;
	} slots[OPERATION_SLOTS];
};

/* root_fd stays the caller's. Everything in the trees is done from one thread. */
void side_init(struct side *side, int root_fd);
void side_close(struct side *side, unsigned int slot);
void side_close_all(struct side *side);

/* ADVANCE is nothing here. */
void side_perform(struct side *side, const struct operation *operation,
	struct outcome *ret_outcome);

/* Whether the slot has a file, which an operation of it needs. */
bool side_has(const struct side *side, unsigned int slot);
