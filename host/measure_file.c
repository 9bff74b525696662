/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Appending to a file that others append to. */
#include "config.h"

#include "host/measure_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/durable.h"
#include "host/measure_record.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* Others hold the lock for a write and a sync. */
#define LOCK_TRIES   100
#define LOCK_WAIT_NS (100 * NSEC_PER_MSEC)

/* The head of CSV fits, and the begin of a JSON record. */
#define HEAD_MAX 1024

enum measure_format measure_file_guess(const char *path)
{
	size_t len = strlen(path);

	return len >= 4 && strcmp(path + len - 4, ".csv") == 0 ? MEASURE_CSV
							       : MEASURE_JSON;
}

static int explain(
	const char *path, int r, const char *what, char error[MEASURE_FILE_ERROR_SIZE])
{
	snprintf(error, MEASURE_FILE_ERROR_SIZE, "%s %s", path, what);
	return r;
}

static int explain_errno(const char *path, int r, char error[MEASURE_FILE_ERROR_SIZE])
{
	snprintf(error, MEASURE_FILE_ERROR_SIZE, "cannot append to %s: %s", path,
		strerror(-r));
	return r;
}

/* Whether path still leads to what is open: another program may have replaced it. */
static bool is_there(int fd, const char *path)
{
	struct stat there, own;

	return stat(path, &there) == 0 && fstat(fd, &own) == 0 &&
	       there.st_dev == own.st_dev && there.st_ino == own.st_ino;
}

/* An open one, locked. */
static int open_locked(const char *path)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		const struct timespec wait = { 0, LOCK_WAIT_NS };
		cleanup_close int fd = open(
			path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (is_there(fd, path))
				return steal_fd(&fd);
			continue;
		}
		if (errno != EWOULDBLOCK)
			return -errno;
		nanosleep(&wait, NULL);
	}
	return -EAGAIN;
}

/* What the file has to begin with; for CSV a whole line. */
static void expect(enum measure_format format, struct json_text *head)
{
	if (format == MEASURE_CSV)
		measure_record_csv_head(head);
	else
		json_text_literal(head, MEASURE_RECORD_BEGIN);
}

static int check_text(int fd, uint64_t size, const char *path, enum measure_format format,
	const struct json_text *head, char error[MEASURE_FILE_ERROR_SIZE])
{
	char begin[HEAD_MAX], end;
	ssize_t n;

	assert(head->used <= sizeof(begin));
	n = pread(fd, begin, head->used, 0);
	if (n < 0 || pread(fd, &end, 1, (off_t)size - 1) != 1)
		return explain_errno(path, n < 0 ? -errno : -EIO, error);
	if ((size_t)n < head->used || memcmp(begin, head->data, head->used) != 0)
		return explain(path, -EBADMSG,
			format == MEASURE_CSV
				? "does not begin as a CSV file of this version of vmpower "
				  "measure does; name another one, or see --format"
				: "does not begin as a JSON file of this version of vmpower "
				  "measure does; name another one, or see --format",
			error);
	if (end != '\n')
		return explain(path, -EBADMSG,
			"ends in the middle of a line, which was cut off; nothing is "
			"appended to that. End the line or remove it, or name another "
			"file",
			error);
	return 0;
}

/* An open, locked file that is fit to be appended to, and its size. */
static int open_checked(const char *path, enum measure_format format,
	const struct json_text *head, uint64_t *ret_size,
	char error[MEASURE_FILE_ERROR_SIZE])
{
	cleanup_close int fd = open_locked(path);
	struct stat st;
	int r = 0;

	if (fd == -EAGAIN)
		return explain(path, -EAGAIN,
			"is locked by another program for too long; end that one, or "
			"name another file",
			error);
	if (fd < 0)
		return explain_errno(path, fd, error);
	if (fstat(fd, &st) < 0)
		return explain_errno(path, -errno, error);
	if (!S_ISREG(st.st_mode))
		return explain(path, -EBADMSG, "is not a file; name one", error);
	if (st.st_size > 0)
		r = check_text(fd, (uint64_t)st.st_size, path, format, head, error);
	if (r < 0)
		return r;
	*ret_size = (uint64_t)st.st_size;
	return steal_fd(&fd);
}

int measure_file_check(
	const char *path, enum measure_format format, char error[MEASURE_FILE_ERROR_SIZE])
{
	cleanup(json_text_deinit) struct json_text head = { 0 };
	cleanup_close int fd = -1;
	uint64_t size;

	expect(format, &head);
	if (json_text_error(&head) < 0)
		return explain_errno(path, -ENOMEM, error);
	fd = open_checked(path, format, &head, &size, error);
	return fd < 0 ? fd : 0;
}

int measure_file_append(const char *path, enum measure_format format,
	const struct json_text *record, char error[MEASURE_FILE_ERROR_SIZE])
{
	cleanup(json_text_deinit) struct json_text head = { 0 };
	cleanup_close int fd = -1;
	uint64_t size;
	int r;

	expect(format, &head);
	if (json_text_error(&head) < 0)
		return explain_errno(path, -ENOMEM, error);
	fd = open_checked(path, format, &head, &size, error);
	if (fd < 0)
		return fd;
	/* The head of a new file goes with its first record. */
	if (size > 0 || format != MEASURE_CSV)
		json_text_clear(&head);
	json_text_put(&head, record->data, record->used);
	r = json_text_error(&head);
	if (r == 0)
		r = durable_write_at(fd, size, head.data, head.used);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r < 0 ? explain_errno(path, r, error) : 0;
}
