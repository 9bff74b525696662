/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What operations and outcomes are called. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/print.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Which parts of an operation it uses. */
enum {
	PATH = 1 << 0,
	OTHER = 1 << 1,
	OPEN_FLAGS = 1 << 2,
	FLAGS = 1 << 3,
	OFFSET = 1 << 4,
	SIZE = 1 << 5,
	DATA = 1 << 6,
	MODE = 1 << 7,
	OWNER = 1 << 8,
	ENERGY = 1 << 9,
};

static const struct {
	const char *name;
	unsigned int parts;
} kinds[OPERATION_KINDS] = {
	[OPERATION_OPEN] = { "open", PATH | OPEN_FLAGS },
	[OPERATION_CLOSE] = { "close", 0 },
	[OPERATION_READ] = { "read", SIZE },
	[OPERATION_PREAD] = { "pread", SIZE | OFFSET },
	[OPERATION_WRITE] = { "write", DATA },
	[OPERATION_PWRITE] = { "pwrite", DATA | OFFSET },
	[OPERATION_LSEEK] = { "lseek", OFFSET | FLAGS },
	[OPERATION_FSTAT] = { "fstat", 0 },
	[OPERATION_LIST] = { "getdents", SIZE },
	[OPERATION_POLL] = { "poll", FLAGS },
	[OPERATION_FTRUNCATE] = { "ftruncate", OFFSET },
	[OPERATION_FCHMOD] = { "fchmod", MODE },
	[OPERATION_FCHOWN] = { "fchown", OWNER },
	[OPERATION_FSYNC] = { "fsync", FLAGS },
	[OPERATION_IOCTL] = { "ioctl", FLAGS },
	[OPERATION_MMAP] = { "mmap", FLAGS },
	[OPERATION_STAT] = { "stat", PATH },
	[OPERATION_LSTAT] = { "lstat", PATH },
	[OPERATION_READLINK] = { "readlink", SIZE | PATH },
	[OPERATION_ACCESS] = { "access", FLAGS | PATH },
	[OPERATION_TRUNCATE] = { "truncate", OFFSET | PATH },
	[OPERATION_CHMOD] = { "chmod", MODE | PATH },
	[OPERATION_CHOWN] = { "chown", OWNER | PATH },
	[OPERATION_LCHOWN] = { "lchown", OWNER | PATH },
	[OPERATION_UTIMENS] = { "utimensat", FLAGS | PATH },
	[OPERATION_UNLINK] = { "unlink", PATH },
	[OPERATION_RMDIR] = { "rmdir", PATH },
	[OPERATION_MKDIR] = { "mkdir", MODE | PATH },
	[OPERATION_MKNOD] = { "mknod", MODE | FLAGS | PATH },
	[OPERATION_SYMLINK] = { "symlink", OTHER | PATH },
	[OPERATION_LINK] = { "link", PATH | OTHER },
	[OPERATION_RENAME] = { "rename", FLAGS | PATH | OTHER },
	[OPERATION_CHDIR] = { "chdir", PATH },
	[OPERATION_ADVANCE] = { "energy", ENERGY },
};

static void print_open_flags(FILE *file, int flags)
{
	static const char *const accesses[] = { "RDONLY", "WRONLY", "RDWR", "ACCMODE" };
	/* O_TMPFILE has O_DIRECTORY's bit in it. */
	static const struct {
		int flag;
		const char *name;
	} others[] = { { O_TRUNC, "TRUNC" }, { O_APPEND, "APPEND" }, { O_CREAT, "CREAT" },
		{ O_EXCL, "EXCL" }, { O_TMPFILE, "TMPFILE" },
		{ O_DIRECTORY, "DIRECTORY" }, { O_NOFOLLOW, "NOFOLLOW" },
		{ O_NONBLOCK, "NONBLOCK" }, { O_PATH, "PATH" }, { O_DIRECT, "DIRECT" },
		{ O_SYNC, "SYNC" }, { O_NOATIME, "NOATIME" } };

	fputs(accesses[flags & O_ACCMODE], file);
	flags &= ~O_ACCMODE;
	for (size_t i = 0; i < N(others); i++) {
		if ((flags & others[i].flag) != others[i].flag)
			continue;
		fprintf(file, "|%s", others[i].name);
		flags &= ~others[i].flag;
	}
}

static void print_text(FILE *file, const char *text, size_t len)
{
	putc('"', file);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			fputs("\\n", file);
		else if (isprint(c) && c != '"' && c != '\\')
			putc(c, file);
		else
			fprintf(file, "\\%03o", c);
	}
	putc('"', file);
}

static void print_data(FILE *file, const struct operation *op)
{
	putc(' ', file);
	print_text(file, op->data, op->data_len);
	if (op->size == op->data_len)
		return;
	fputs(" filled with ", file);
	print_text(file, &op->filling, 1);
	fprintf(file, " to %zu", op->size);
}

static void print_numbers(FILE *file, const struct operation *op, unsigned int parts)
{
	if (parts & SIZE)
		fprintf(file, " %zu", op->size);
	if (parts & DATA)
		print_data(file, op);
	if (parts & OFFSET)
		fprintf(file, " at %" PRId64, op->offset);
	if (parts & MODE)
		fprintf(file, " %04o", op->mode);
	if (parts & OWNER)
		fprintf(file, " %d:%d", (int)op->uid, (int)op->gid);
	if (parts & FLAGS)
		fprintf(file, " %#x", (unsigned int)op->flags);
	if (parts & ENERGY)
		fprintf(file, " +%" PRIu32 " +%" PRIu32, op->uj[0], op->uj[1]);
	if (parts & OPEN_FLAGS) {
		putc(' ', file);
		print_open_flags(file, op->flags);
	}
}

void print_operation(
	FILE *file, const struct operation *op, const struct operation *opener)
{
	unsigned int parts = kinds[op->kind].parts;

	fprintf(file, "%s %s", op->user ? "user" : "root", kinds[op->kind].name);
	print_numbers(file, op, parts);
	if (parts & PATH)
		fprintf(file, " %s", op->path);
	if (parts & OTHER)
		fprintf(file, ", %s", op->other);
	if (!operation_has_slot(op))
		return;
	if (opener && op->kind != OPERATION_OPEN) {
		fputs(" of ", file);
		print_open_flags(file, opener->flags);
		fprintf(file, " %s", opener->path);
	} else if (!opener) {
		fprintf(file, " [%u]", op->slot);
	}
}

void print_outcome(FILE *file, const struct outcome *outcome)
{
	static const char *const parts[] = {
		[OUTCOME_BEGINNING] = "",
		[OUTCOME_GOING_ON] = ", going on",
		[OUTCOME_ELSEWHERE] = ", elsewhere",
	};

	if (outcome->error)
		fputs(strerrorname_np(outcome->error), file);
	else
		fprintf(file, "%" PRId64, outcome->result);
	if (outcome->len > 0) {
		putc(' ', file);
		print_text(file, outcome->data, outcome->len);
	}
	if (outcome->mode)
		fprintf(file,
			" mode %o links %" PRIu32 " owner %" PRIu32 ":%" PRIu32
			" size %" PRId64 " blocks %" PRId64 " of %" PRId64,
			outcome->mode, outcome->links, outcome->uid, outcome->gid,
			outcome->size, outcome->blocks, outcome->block_size);
	if (outcome->after >= 0)
		fprintf(file, ", from %" PRId64 " to %" PRId64, outcome->before,
			outcome->after);
	fputs(parts[outcome->part], file);
}
