/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Whole lines to files and pipes. */
#include "config.h"

#include "host/stream_target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/durable.h"
#include "shared/cleanup.h"

#define WAIT_MS 100
/* A part of this size at most is written at once: what a pipe that can be written to has
 * room for, whatever the flags of a descriptor that others share. */
#define PART_SIZE PIPE_BUF

/* Where the last whole line of a file ends. */
static int find_end(int fd, off_t size, const char *end, off_t *ret_end)
{
	off_t len = (off_t)strlen(end);
	char block[4096];

	while (size >= len) {
		off_t from = size > (off_t)sizeof(block) ? size - (off_t)sizeof(block)
							 : 0;
		ssize_t n = pread(fd, block, (size_t)(size - from), from);

		if (n != size - from)
			return n < 0 ? -errno : -EIO;
		for (off_t at = n - len; at >= 0; at--) {
			if (memcmp(block + at, end, (size_t)len) == 0) {
				*ret_end = from + at + len;
				return 0;
			}
		}
		if (from == 0)
			break;
		/* It may begin in the block before. */
		size = from + len - 1;
	}
	*ret_end = 0;
	return 0;
}

/* A file that somebody else uses, by a mistake in the path, is none to write to. */
static int check_file(const struct stream_target *target, int fd, off_t size)
{
	char begin[256];
	size_t len = strlen(target->begin);
	off_t end;
	ssize_t n;
	int r;

	if (size == 0)
		return 0;
	n = pread(fd, begin, len < sizeof(begin) ? len : sizeof(begin), 0);
	if (n < 0)
		return -errno;
	if (memcmp(begin, target->begin, (size_t)n) != 0)
		return -EEXIST;
	r = find_end(fd, size, target->end, &end);
	if (r == 0 && end < size && ftruncate(fd, end) < 0)
		r = -errno;
	return r;
}

static int open_path(const struct stream_target *target)
{
	int flags = O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	if (strcmp(target->path, STREAM_TARGET_STDOUT) == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		return fd < 0 ? -errno : steal_fd(&fd);
	}
	/* Who opens a FIFO to read it as well is its own reader. */
	if (stat(target->path, &st) == 0 && S_ISFIFO(st.st_mode))
		flags |= O_WRONLY;
	else
		flags |= O_RDWR;
	fd = open(target->path, flags, 0640);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = S_ISREG(st.st_mode) ? check_file(target, fd, st.st_size) : 0;
	return r < 0 ? r : steal_fd(&fd);
}

int stream_target_open(struct stream_target *target)
{
	cleanup_close int fd = open_path(target);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	stream_target_close(target);
	target->is_regular = S_ISREG(st.st_mode);
	target->is_pipe = S_ISFIFO(st.st_mode);
	target->has_written = false;
	target->fd = steal_fd(&fd);
	return 0;
}

bool stream_target_is_empty(const struct stream_target *target)
{
	struct stat st;

	if (!target->is_regular)
		return !target->has_written;
	return fstat(target->fd, &st) == 0 && st.st_size == 0;
}

/*
 * Whether all of it fits into the pipe now. A page of it is at least half full, but for
 * the first and the last; an empty pipe that cannot be made large enough will have to do.
 */
static bool has_room(int fd, size_t size)
{
	int capacity = fcntl(fd, F_GETPIPE_SZ), used = 0;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (size <= PART_SIZE || capacity < 0 || ioctl(fd, FIONREAD, &used) < 0)
		return true;
	if (size > (size_t)capacity / 4 && size <= INT_MAX / 4) {
		(void)fcntl(fd, F_SETPIPE_SZ, (int)(4 * size));
		capacity = fcntl(fd, F_GETPIPE_SZ);
	}
	return used == 0 || 2 * (size_t)used + size + 2 * page <= (size_t)capacity;
}

/* Until it takes a part of the lines, or all of them. 0 or -errno. */
static int wait_for_room(const struct stream_target *target, size_t size, bool begun)
{
	const struct timespec pause = { .tv_nsec = WAIT_MS * 1000000L };

	for (;;) {
		struct pollfd poll_fd = { .fd = target->fd, .events = POLLOUT };
		int r = poll(&poll_fd, 1, WAIT_MS);

		if (r < 0 && errno != EINTR)
			return -errno;
		/* Of an error write() tells more. */
		if (r > 0 && poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL))
			return 0;
		if (r > 0 && (begun || !target->is_pipe || has_room(target->fd, size)))
			return 0;
		r = target->wait(target->data, begun);
		if (r < 0)
			return r;
		if (poll_fd.revents)
			nanosleep(&pause, NULL);
	}
}

static int write_parts(const struct stream_target *target, const char *lines, size_t size)
{
	bool begun = false;

	while (size > 0) {
		int r = wait_for_room(target, size, begun);
		ssize_t n;

		if (r < 0)
			return r;
		n = write(target->fd, lines, size < PART_SIZE ? size : PART_SIZE);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		begun = true;
		lines += n;
		size -= (size_t)n;
	}
	return 0;
}

static int append(const struct stream_target *target, const char *lines, size_t size)
{
	struct stat st;

	/* Not where it ended before: somebody may have emptied it since. */
	if (fstat(target->fd, &st) < 0)
		return -errno;
	return durable_write_at(target->fd, (uint64_t)st.st_size, lines, size);
}

int stream_target_write(struct stream_target *target, const char *lines, size_t size)
{
	int r = target->is_regular ? append(target, lines, size)
				   : write_parts(target, lines, size);

	if (r == 0)
		target->has_written = true;
	return r;
}

void stream_target_close(struct stream_target *target)
{
	cleanup_closep(&target->fd);
	target->fd = -1;
}
