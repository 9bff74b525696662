/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What Riemann answers: a message of its protocol (proto.proto of riemann-java-client)
 * behind its length, taken up as it comes. Constant memory. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* In front of a message: how many bytes it has, the first byte first. */
#define RIEMANN_LENGTH_SIZE 4
/* Of an answer; there is nothing in it but its error, which is a line. */
#define RIEMANN_ANSWER_MAX 16384

/* Zeroed: nothing came yet. */
struct riemann_answer {
	size_t used; /* of bytes */
	char bytes[RIEMANN_LENGTH_SIZE + RIEMANN_ANSWER_MAX];
};

/* Where the next bytes go, and how many at most before riemann_answer_add(). */
char *riemann_answer_room(struct riemann_answer *answer, size_t *ret_size);

/* So many bytes were put there. -EBADMSG: no answer is that long. */
int riemann_answer_add(struct riemann_answer *answer, size_t len);

/* Whether all of it is there. */
bool riemann_answer_is_whole(const struct riemann_answer *answer);

/*
 * Whether a whole one says that all went well: 0 or 1. If not, its error is put into
 * error, as much as fits, with a NUL: bytes of theirs. -EBADMSG: it makes no sense.
 */
int riemann_answer_is_ok(
	const struct riemann_answer *answer, char *error, size_t error_size);
