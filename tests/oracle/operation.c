/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Drawing operations, most of which do something. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/operation.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define USER_ID	 1000
#define OTHER_ID 2000

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define DRAW(random, array) ((array)[random_below(random, N(array))])

/* How often each is drawn. */
static const unsigned char weights[OPERATION_KINDS] = {
	[OPERATION_OPEN] = 60,
	[OPERATION_CLOSE] = 8,
	[OPERATION_READ] = 50,
	[OPERATION_PREAD] = 50,
	[OPERATION_WRITE] = 40,
	[OPERATION_PWRITE] = 15,
	[OPERATION_LSEEK] = 25,
	[OPERATION_FSTAT] = 10,
	[OPERATION_LIST] = 20,
	[OPERATION_POLL] = 8,
	[OPERATION_FTRUNCATE] = 4,
	[OPERATION_FCHMOD] = 4,
	[OPERATION_FCHOWN] = 4,
	[OPERATION_FSYNC] = 2,
	[OPERATION_IOCTL] = 2,
	[OPERATION_MMAP] = 2,
	[OPERATION_STAT] = 25,
	[OPERATION_LSTAT] = 20,
	[OPERATION_READLINK] = 15,
	[OPERATION_ACCESS] = 15,
	[OPERATION_TRUNCATE] = 8,
	[OPERATION_CHMOD] = 8,
	[OPERATION_CHOWN] = 8,
	[OPERATION_LCHOWN] = 4,
	[OPERATION_UTIMENS] = 3,
	[OPERATION_UNLINK] = 6,
	[OPERATION_RMDIR] = 4,
	[OPERATION_MKDIR] = 6,
	[OPERATION_MKNOD] = 3,
	[OPERATION_SYMLINK] = 4,
	[OPERATION_LINK] = 4,
	[OPERATION_RENAME] = 6,
	[OPERATION_CHDIR] = 4,
	[OPERATION_ADVANCE] = 6,
};

static const struct {
	const char *data;
	size_t len;
} written[] = {
#define TEXT(text)                                                                       \
	{                                                                                \
		text, sizeof(text) - 1                                                   \
	}
	/* These work somewhere. */
	TEXT("on"),
	TEXT("auto\n"),
	TEXT("change"),
	TEXT(""),
	TEXT("0"),
	TEXT("1"),
	TEXT("1\n"),
	TEXT("0\n"),
	TEXT("1\n\n"),
	TEXT("1\nx"),
	TEXT("\n"),
	TEXT(" 1"),
	TEXT("1 "),
	TEXT("-1"),
	TEXT("+1\n"),
	TEXT("+-1"),
	TEXT("0x10"),
	TEXT("007"),
	TEXT("12x"),
	TEXT("250000000"),
	TEXT("18446744073709551615\n"),
	TEXT("18446744073709551616"),
	TEXT("y"),
	TEXT("nO"),
	TEXT("true"),
	TEXT("on\n"),
	TEXT("on\n\n"),
	TEXT("On"),
	TEXT("one"),
	TEXT("off"),
	TEXT("o"),
	TEXT("auto"),
	TEXT("auto\0on"),
	TEXT("1\0x"),
	TEXT("\0001"),
	TEXT("add"),
	TEXT("change\n"),
	TEXT("change\n\n"),
	TEXT("changed"),
	TEXT("chang"),
	TEXT("add "),
	TEXT("add x"),
	TEXT("change 3f1f6bf8-0e1b-4c36-8c0e-6a1d1f5b7e6f"),
	TEXT("change 3f1f6bf8-0e1b-4c36-8c0e-6a1d1f5b7e6f\n"),
	TEXT("add 3f1f6bf8-0e1b-4c36-8c0e-6a1d1f5b7e6f A=1 b=x"),
	TEXT("add 3f1f6bf8-0e1b-4c36-8c0e-6a1d1f5b7e6f A=-"),
	TEXT("add 3f1f6bf8-0e1b-4c36-8c0e-6a1d1f5b7e6f A"),
	TEXT("add 3f1f6bf8-0e1b-4c36-8c0e-6a1d1f5b7e6f "),
	TEXT("add 3F1F6BF8-0e1b-4c36-8c0e-6a1d1f5b7e6g"),
#undef TEXT
};

#define N_WORKING 3

static const size_t sizes[] = { 0, 1, 2, 3, 5, 8, 11, 12, 24, 100, 1024, 4095, 4096, 4097,
	8192, 8193, 20000 };

/* Too small for any entry, or large enough for any. */
static const size_t list_sizes[] = { 0, 8, 23, 300, 1024, 4096, 20000 };

static const int64_t offsets[] = { 0, 0, 0, 1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 100, 4095,
	4096, 4097, INT64_C(1) << 31, INT64_C(1) << 40, INT64_MAX - 4096, INT64_MAX - 1,
	INT64_MAX, -1, -2, -4096, INT64_MIN };

static const mode_t modes[] = { 0, 0400, 0444, 0600, 0644, 0666, 0222, 0200, 0111, 0700,
	0755, 0777, 01777, 02755, 04755, 06777, 07777 };

static enum operation_kind draw_kind(struct random_state *random)
{
	unsigned int sum = 0, kind = 0;
	uint64_t at;

	for (unsigned int i = 0; i < OPERATION_KINDS; i++)
		sum += weights[i];
	at = random_below(random, sum);
	while (at >= weights[kind])
		at -= weights[kind++];
	return kind;
}

static int draw_open_flags(struct random_state *random)
{
	static const int accesses[] = { O_RDONLY, O_RDONLY, O_RDONLY, O_RDONLY, O_WRONLY,
		O_WRONLY, O_RDWR, O_RDWR, O_RDWR, O_ACCMODE };
	static const int more[] = { O_TRUNC, O_TRUNC, O_APPEND, O_APPEND, O_CREAT,
		O_CREAT | O_EXCL, O_CREAT | O_DIRECTORY, O_DIRECTORY, O_NOFOLLOW,
		O_NONBLOCK, O_PATH, O_DIRECT, O_SYNC, O_NOATIME, O_TMPFILE, O_EXCL,
		O_NOFOLLOW | O_PATH };
	int flags = DRAW(random, accesses);

	while (random_one_in(random, 3))
		flags |= DRAW(random, more);
	return flags;
}

static int draw_flags(enum operation_kind kind, struct random_state *random)
{
	static const int events[] = { POLLIN, POLLOUT, POLLPRI, POLLIN | POLLPRI,
		POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND };

	switch (kind) {
	case OPERATION_OPEN:
		return draw_open_flags(random);
	case OPERATION_LSEEK:
		return (int)random_below(random, random_one_in(random, 4) ? 7 : 3);
	case OPERATION_POLL:
		return DRAW(random, events);
	case OPERATION_ACCESS:
		return (int)random_below(random, 8);
	case OPERATION_RENAME:
		return random_one_in(random, 2) ? 0 : (int)random_below(random, 16);
	default:
		return (int)random_below(random, 16);
	}
}

static void draw_data(struct operation *operation, struct random_state *random)
{
	static const char fillings[] = { '\0', '\n', ' ', '0', 'x' };
	uint64_t i = random_below(random, N(written));

	if (random_one_in(random, 3))
		i = random_below(random, N_WORKING);
	operation->data_len = written[i].len;
	memcpy(operation->data, written[i].data, written[i].len);
	if (random_one_in(random, 32))
		operation->data[random_below(random, OPERATION_DATA_SIZE)] = (char)
			random_u64(random);
	operation->filling = DRAW(random, fillings);
	if (!random_one_in(random, 6) || operation->size < operation->data_len)
		operation->size = operation->data_len;
}

static uid_t draw_id(struct random_state *random)
{
	static const uid_t ids[] = { 0, USER_ID, USER_ID, OTHER_ID, (uid_t)-1 };

	return DRAW(random, ids);
}

void operation_draw(struct operation *operation, const struct nodes *nodes,
	struct random_state *random)
{
	enum operation_kind kind = draw_kind(random);

	*operation = (struct operation){
		.kind = kind,
		.user = random_one_in(random, 3),
		.slot = (unsigned int)random_below(random, OPERATION_SLOTS),
		.flags = draw_flags(kind, random),
		.mode = DRAW(random, modes),
		.uid = draw_id(random),
		.gid = draw_id(random),
		.offset = DRAW(random, offsets),
		.size = DRAW(random, sizes),
		.uj = { (uint32_t)random_below(random, 1 << random_below(random, 25)),
			(uint32_t)random_below(random, 1 << random_below(random, 22)) },
		.node = NODES_NONE,
	};
	if (kind == OPERATION_LIST)
		operation->size = DRAW(random, list_sizes);
	if (kind == OPERATION_WRITE || kind == OPERATION_PWRITE)
		draw_data(operation, random);
	if (operation_has_slot(operation) && kind != OPERATION_OPEN)
		return;
	operation->node = nodes_draw_path(nodes, random, operation->path);
	if (kind == OPERATION_SYMLINK || kind == OPERATION_LINK ||
		kind == OPERATION_RENAME)
		nodes_draw_path(nodes, random, operation->other);
}

bool operation_has_slot(const struct operation *operation)
{
	return operation->kind < OPERATION_STAT;
}
