/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What is done with an open file or directory. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/handle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#define BUFFER_SIZE 20000
#define ENTRIES_MAX 64

/* One thread. */
static _Alignas(struct dirent64) char buffer[BUFFER_SIZE];

struct entries {
	size_t n;
	char line[ENTRIES_MAX][300];
};

int64_t handle_take_stat(struct outcome *outcome, int r, const struct stat *st)
{
	if (r < 0)
		return r;
	outcome->mode = st->st_mode;
	outcome->links = (uint32_t)st->st_nlink;
	outcome->uid = st->st_uid;
	outcome->gid = st->st_gid;
	outcome->size = st->st_size;
	outcome->blocks = st->st_blocks;
	outcome->block_size = st->st_blksize;
	return r;
}

static int64_t take_read(struct outcome *outcome, ssize_t n)
{
	outcome->len = n > 0 ? (size_t)n : 0;
	if (outcome->len > OUTCOME_DATA_SIZE)
		outcome->len = OUTCOME_DATA_SIZE;
	memcpy(outcome->data, buffer, outcome->len);
	return n;
}

static int64_t do_read(int fd, const struct operation *op, struct outcome *outcome)
{
	return take_read(outcome, read(fd, buffer, op->size));
}

static int64_t do_pread(int fd, const struct operation *op, struct outcome *outcome)
{
	return take_read(outcome, pread(fd, buffer, op->size, op->offset));
}

static const char *written(const struct operation *op)
{
	memset(buffer, op->filling, op->size);
	memcpy(buffer, op->data, op->data_len);
	return buffer;
}

static int64_t do_write(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return write(fd, written(op), op->size);
}

static int64_t do_pwrite(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return pwrite(fd, written(op), op->size, op->offset);
}

static int64_t do_lseek(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return lseek(fd, op->offset, op->flags);
}

/* Positions between entries are each file system's own. */
static int64_t rewind_directory(
	int fd, const struct operation *op, struct outcome *outcome)
{
	(void)op;
	(void)outcome;
	return lseek(fd, 0, SEEK_SET);
}

static int64_t do_fstat(int fd, const struct operation *op, struct outcome *outcome)
{
	struct stat st;
	int r = fstat(fd, &st);

	(void)op;
	return handle_take_stat(outcome, r, &st);
}

/* Whether the number of an entry is that of what it names. */
static bool is_same(int fd, const struct dirent64 *entry)
{
	struct stat st;

	return strcmp(entry->d_name, "..") == 0 ||
	       fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       st.st_ino == entry->d_ino;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* From where it stands to its end, with a buffer of that size; its order is its own. */
static int64_t do_list(int fd, const struct operation *op, struct outcome *outcome)
{
	static struct entries entries;
	ssize_t n;

	entries.n = 0;
	while ((n = getdents64(fd, buffer, op->size)) > 0) {
		for (ssize_t at = 0; at < n && entries.n < ENTRIES_MAX;) {
			const struct dirent64 *entry = (void *)(buffer + at);

			snprintf(entries.line[entries.n++], sizeof(entries.line[0]),
				"%s %d%s\n", entry->d_name, entry->d_type,
				op->flags || is_same(fd, entry) ? ""
								: " of another inode");
			at += entry->d_reclen;
		}
	}
	qsort(entries.line, entries.n, sizeof(entries.line[0]), compare_lines);
	for (size_t i = 0; i < entries.n; i++) {
		size_t room = OUTCOME_DATA_SIZE - outcome->len,
		       len = strnlen(entries.line[i], room);

		memcpy(outcome->data + outcome->len, entries.line[i], len);
		outcome->len += len;
	}
	return n;
}

static int64_t do_poll(int fd, const struct operation *op, struct outcome *outcome)
{
	struct pollfd asked = { .fd = fd, .events = (short)op->flags };
	int r = poll(&asked, 1, 0);

	(void)outcome;
	return r < 0 ? r : asked.revents;
}

static int64_t do_ftruncate(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return ftruncate(fd, op->offset);
}

static int64_t do_fchmod(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return fchmod(fd, op->mode);
}

static int64_t do_fchown(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return fchown(fd, op->uid, op->gid);
}

static int64_t do_fsync(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)outcome;
	return op->flags & 1 ? fsync(fd) : fdatasync(fd);
}

static int64_t do_ioctl(int fd, const struct operation *op, struct outcome *outcome)
{
	struct termios settings;
	int left = 0;

	(void)outcome;
	if (op->flags & 1)
		return ioctl(fd, TCGETS, &settings);
	return ioctl(fd, FIONREAD, &left) < 0 ? -1 : left;
}

static int64_t do_mmap(int fd, const struct operation *op, struct outcome *outcome)
{
	void *map = mmap(NULL, 4096, op->flags & 1 ? PROT_READ : PROT_READ | PROT_WRITE,
		op->flags & 2 ? MAP_SHARED : MAP_PRIVATE, fd, 0);

	(void)outcome;
	return map == MAP_FAILED ? -1 : munmap(map, 4096);
}

static int64_t do_close(int fd, const struct operation *op, struct outcome *outcome)
{
	(void)op;
	(void)outcome;
	return close(fd);
}

static int64_t (*const operations[OPERATION_KINDS])(
	int fd, const struct operation *op, struct outcome *outcome) = {
	[OPERATION_CLOSE] = do_close,
	[OPERATION_READ] = do_read,
	[OPERATION_PREAD] = do_pread,
	[OPERATION_WRITE] = do_write,
	[OPERATION_PWRITE] = do_pwrite,
	[OPERATION_LSEEK] = do_lseek,
	[OPERATION_FSTAT] = do_fstat,
	[OPERATION_LIST] = do_list,
	[OPERATION_POLL] = do_poll,
	[OPERATION_FTRUNCATE] = do_ftruncate,
	[OPERATION_FCHMOD] = do_fchmod,
	[OPERATION_FCHOWN] = do_fchown,
	[OPERATION_FSYNC] = do_fsync,
	[OPERATION_IOCTL] = do_ioctl,
	[OPERATION_MMAP] = do_mmap,
};

int64_t handle_perform(int fd, bool directory, const struct operation *operation,
	struct outcome *outcome)
{
	if (directory && operation->kind == OPERATION_LSEEK)
		return rewind_directory(fd, operation, outcome);
	return operations[operation->kind](fd, operation, outcome);
}
