/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Appending and replacing. */
#include "config.h"

#include "host/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "shared/cleanup.h"

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int durable_write_at(int fd, uint64_t at, const void *data, size_t size)
{
	int r;

	if (lseek(fd, (off_t)at, SEEK_SET) < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (r < 0 && ftruncate(fd, (off_t)at) < 0)
		return -errno;
	return r;
}

static int format_new_name(const char *name, char new_name[PATH_MAX])
{
	int n = snprintf(new_name, PATH_MAX, "%s.new", name);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int durable_open_new(int dir_fd, const char *name, int flags)
{
	char new_name[PATH_MAX];
	int fd, r = format_new_name(name, new_name);

	if (r < 0)
		return r;
	if (flags & O_EXCL && unlinkat(dir_fd, new_name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, new_name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int durable_close(FILE *stream, int error)
{
	if (error == 0 && (fflush(stream) != 0 || fsync(fileno(stream)) < 0))
		error = -errno;
	if (fclose(stream) != 0 && error == 0)
		error = -errno;
	return error;
}

int durable_replace(int dir_fd, const char *name, int error)
{
	char new_name[PATH_MAX];
	int r = format_new_name(name, new_name);

	if (r < 0)
		return r;
	if (error == 0 && renameat(dir_fd, new_name, dir_fd, name) < 0)
		error = -errno;
	if (error < 0)
		(void)unlinkat(dir_fd, new_name, 0);
	return error;
}

int durable_install(int dir_fd, const char *name, int error)
{
	int r = durable_replace(dir_fd, name, error);

	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	return r;
}

int durable_write_file(int dir_fd, const char *name, const void *data, size_t size)
{
	cleanup_close int fd = durable_open_new(dir_fd, name, O_WRONLY | O_TRUNC);
	int r;

	if (fd < 0)
		return fd;
	r = write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return durable_install(dir_fd, name, r);
}
