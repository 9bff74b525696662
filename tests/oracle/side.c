/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Operations of paths, and which function does which. Those of open files: handle.c. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/side.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/oracle/handle.h"

#define USER_ID 1000

void side_init(struct side *side, int root_fd)
{
	*side = (struct side){ .root_fd = root_fd };
	for (unsigned int i = 0; i < OPERATION_SLOTS; i++)
		side->slots[i].fd = -1;
}

void side_close(struct side *side, unsigned int slot)
{
	if (side->slots[slot].fd >= 0)
		close(side->slots[slot].fd);
	side->slots[slot].fd = -1;
}

void side_close_all(struct side *side)
{
	for (unsigned int i = 0; i < OPERATION_SLOTS; i++)
		side_close(side, i);
}

bool side_has(const struct side *side, unsigned int slot)
{
	return side->slots[slot].fd >= 0;
}

static int64_t do_open(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	int fd = open(op->path, op->flags | O_CLOEXEC, 0644);
	struct stat st;

	(void)outcome;
	if (fd < 0)
		return -1;
	side_close(side, op->slot);
	side->slots[op->slot].fd = fd;
	side->slots[op->slot].directory = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	return 0;
}

static int64_t do_stat(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	struct stat st;
	int r = stat(op->path, &st);

	(void)side;
	return handle_take_stat(outcome, r, &st);
}

static int64_t do_lstat(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	struct stat st;
	int r = lstat(op->path, &st);

	(void)side;
	return handle_take_stat(outcome, r, &st);
}

static int64_t do_readlink(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	size_t size = op->size < OUTCOME_DATA_SIZE ? op->size : OUTCOME_DATA_SIZE;
	ssize_t n = readlink(op->path, outcome->data, size);

	(void)side;
	outcome->len = n > 0 ? (size_t)n : 0;
	return n;
}

/* Those below have no outcome but their result. */

static int64_t do_access(const struct operation *op)
{
	return access(op->path, op->flags);
}

static int64_t do_truncate(const struct operation *op)
{
	return truncate(op->path, op->offset);
}

static int64_t do_chmod(const struct operation *op)
{
	return chmod(op->path, op->mode);
}

static int64_t do_chown(const struct operation *op)
{
	return chown(op->path, op->uid, op->gid);
}

static int64_t do_lchown(const struct operation *op)
{
	return lchown(op->path, op->uid, op->gid);
}

static int64_t do_utimens(const struct operation *op)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_nsec = UTIME_OMIT } };

	return utimensat(AT_FDCWD, op->path, op->flags & 1 ? times : NULL,
		op->flags & 2 ? AT_SYMLINK_NOFOLLOW : 0);
}

static int64_t do_unlink(const struct operation *op)
{
	return unlink(op->path);
}

static int64_t do_rmdir(const struct operation *op)
{
	return rmdir(op->path);
}

static int64_t do_mkdir(const struct operation *op)
{
	return mkdir(op->path, op->mode);
}

static int64_t do_mknod(const struct operation *op)
{
	static const mode_t types[] = { S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR };

	return mknod(op->path, types[op->flags % 4] | op->mode, makedev(1, 3));
}

static int64_t do_symlink(const struct operation *op)
{
	return symlink(op->other, op->path);
}

static int64_t do_link(const struct operation *op)
{
	return link(op->path, op->other);
}

static int64_t do_rename(const struct operation *op)
{
	return renameat2(AT_FDCWD, op->path, AT_FDCWD, op->other, (unsigned)op->flags);
}

static int64_t do_chdir(const struct operation *op)
{
	return chdir(op->path);
}

static int64_t (*const plain[OPERATION_KINDS])(const struct operation *op) = {
	[OPERATION_ACCESS] = do_access,
	[OPERATION_TRUNCATE] = do_truncate,
	[OPERATION_CHMOD] = do_chmod,
	[OPERATION_CHOWN] = do_chown,
	[OPERATION_LCHOWN] = do_lchown,
	[OPERATION_UTIMENS] = do_utimens,
	[OPERATION_UNLINK] = do_unlink,
	[OPERATION_RMDIR] = do_rmdir,
	[OPERATION_MKDIR] = do_mkdir,
	[OPERATION_MKNOD] = do_mknod,
	[OPERATION_SYMLINK] = do_symlink,
	[OPERATION_LINK] = do_link,
	[OPERATION_RENAME] = do_rename,
	[OPERATION_CHDIR] = do_chdir,
};

static int64_t (*const special[OPERATION_KINDS])(
	struct side *side, const struct operation *op, struct outcome *outcome) = {
	[OPERATION_OPEN] = do_open,
	[OPERATION_STAT] = do_stat,
	[OPERATION_LSTAT] = do_lstat,
	[OPERATION_READLINK] = do_readlink,
};

/* access(2) asks for the real user. */
static int become(bool user)
{
	uid_t id = user ? USER_ID : 0;

	/* Root must be the first to go, and the last to come. */
	if (user)
		return setresgid(id, id, 0) == 0 && setresuid(id, id, 0) == 0 ? 0
									      : -errno;
	return setresuid(id, id, 0) == 0 && setresgid(id, id, 0) == 0 ? 0 : -errno;
}

static int64_t perform(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	if (plain[op->kind])
		return plain[op->kind](op);
	if (special[op->kind])
		return special[op->kind](side, op, outcome);
	return handle_perform(
		side->slots[op->slot].fd, side->slots[op->slot].directory, op, outcome);
}

static void take_part(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	int64_t *read_end = &side->slots[op->slot].read_end, from = outcome->before;
	bool *strayed = &side->slots[op->slot].strayed;

	if (outcome->result < 0)
		return;
	if (op->kind == OPERATION_OPEN) {
		*read_end = 0;
		*strayed = false;
	}
	/* A read of nothing is none, to the kernel. */
	if ((op->kind != OPERATION_READ && op->kind != OPERATION_PREAD) || op->size == 0)
		return;
	if (op->kind == OPERATION_PREAD)
		from = op->offset;
	*strayed = from != 0 && (*strayed || from != *read_end);
	if (from != 0)
		outcome->part = *strayed ? OUTCOME_ELSEWHERE : OUTCOME_GOING_ON;
	*read_end = from + outcome->result;
}

static void take_positions(
	struct side *side, const struct operation *op, struct outcome *outcome)
{
	int64_t *position = &side->slots[op->slot].position;

	if (side->slots[op->slot].directory)
		return;
	outcome->before = op->kind == OPERATION_OPEN ? 0 : *position;
	outcome->after = *position = lseek(side->slots[op->slot].fd, 0, SEEK_CUR);
	take_part(side, op, outcome);
}

void side_perform(
	struct side *side, const struct operation *op, struct outcome *ret_outcome)
{
	struct outcome *outcome = ret_outcome;

	memset(outcome, 0, offsetof(struct outcome, data));
	outcome->before = outcome->after = -1;
	if (op->kind == OPERATION_ADVANCE)
		return;
	if (fchdir(side->root_fd) < 0 || (op->user && become(true) < 0)) {
		outcome->error = ENOTRECOVERABLE;
		return;
	}
	errno = 0;
	outcome->result = perform(side, op, outcome);
	outcome->error = outcome->result < 0 ? errno : 0;
	if (op->user && become(false) < 0)
		outcome->error = ENOTRECOVERABLE;
	if (op->kind == OPERATION_CLOSE)
		side->slots[op->slot].fd = -1;
	if (operation_has_slot(op) && side_has(side, op->slot))
		take_positions(side, op, outcome);
}
