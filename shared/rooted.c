/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Reads of small kernel files below a root. */
#include "shared/rooted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/number.h"

static int __attribute__((__format__(printf, 2, 0)))
open_below(const char *root, const char *format, va_list args)
{
	char path[PATH_MAX];
	int head, tail, fd;

	head = snprintf(path, sizeof(path), "%s/", root);
	if (head < 0 || (size_t)head >= sizeof(path))
		return -ENAMETOOLONG;
	tail = vsnprintf(path + head, sizeof(path) - (size_t)head, format, args);
	if (tail < 0 || (size_t)tail >= sizeof(path) - (size_t)head)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int rooted_open(const char *root, const char *path_format, ...)
{
	va_list args;
	int fd;

	va_start(args, path_format);
	fd = open_below(root, path_format, args);
	va_end(args);
	return fd;
}

ssize_t rooted_reread(int fd, char *buffer, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = pread(fd, buffer + used, size - used, (off_t)used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			buffer[used] = '\0';
			return (ssize_t)used;
		}
		used += (size_t)n;
	}
	return -EFBIG;
}

static ssize_t __attribute__((__format__(printf, 4, 0)))
read_below(const char *root, char *buffer, size_t size, const char *format, va_list args)
{
	cleanup_close int fd = open_below(root, format, args);

	return fd < 0 ? fd : rooted_reread(fd, buffer, size);
}

ssize_t rooted_read(
	const char *root, char *buffer, size_t size, const char *path_format, ...)
{
	va_list args;
	ssize_t n;

	va_start(args, path_format);
	n = read_below(root, buffer, size, path_format, args);
	va_end(args);
	return n;
}

int rooted_read_u64(const char *root, uint64_t *ret_value, const char *path_format, ...)
{
	char text[64];
	va_list args;
	ssize_t n;

	va_start(args, path_format);
	n = read_below(root, text, sizeof(text), path_format, args);
	va_end(args);
	return n < 0 ? (int)n : number_parse_u64(text, (size_t)n, ret_value);
}
