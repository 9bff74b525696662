/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Answers of Riemann from arbitrary bytes, one after the other, in pieces as they come.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "host/riemann_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What fits of the bytes, at_most at a time. Returns how many it took; 0: it is over. */
static size_t take_one(const uint8_t *data, size_t size, size_t at_most)
{
	struct riemann_answer answer = { 0 };
	char error[16];
	size_t taken = 0;
	int r;

	while (!riemann_answer_is_whole(&answer)) {
		size_t n;
		char *room = riemann_answer_room(&answer, &n);

		assert(n > 0 && room >= answer.bytes);
		assert(room + n <= answer.bytes + sizeof(answer.bytes));
		n = n < at_most ? n : at_most;
		n = n < size - taken ? n : size - taken;
		if (n == 0)
			return 0;
		memcpy(room, data + taken, n);
		taken += n;
		r = riemann_answer_add(&answer, n);
		assert(r == 0 || r == -EBADMSG);
		if (r < 0)
			return 0;
	}
	r = riemann_answer_is_ok(&answer, error, sizeof(error));
	assert(r == 0 || r == 1 || r == -EBADMSG);
	assert(memchr(error, '\0', sizeof(error)));
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The first byte tells how large the pieces are. */
	size_t at_most = size > 0 ? data[0] + 1u : 1, n = 0;

	for (size_t at = 1; at < size; at += n) {
		n = take_one(data + at, size - at, at_most);
		if (n == 0)
			break;
	}
	return 0;
}
