/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Connecting to a channel's socket, also where its path is too long for a sockaddr. */
#include "config.h"

#include "host/link_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "shared/cleanup.h"

static int open_directory_of(const char *path, const char *name)
{
	char directory[PATH_MAX];
	size_t len = (size_t)(name - path);
	int fd;

	if (len >= sizeof(directory))
		return -ENAMETOOLONG;
	memcpy(directory, path, len);
	directory[len] = '\0';
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, len + 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return 0;
}

/* Over 107 bytes: by way of the directory, which has a short name in /proc. */
static int connect_to_long(int fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_close int directory = -1;
	char through[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int n;

	if (!slash)
		return -ENAMETOOLONG;
	directory = open_directory_of(path, slash + 1);
	if (directory < 0)
		return directory;
	n = snprintf(
		through, sizeof(through), "/proc/self/fd/%d/%s", directory, slash + 1);
	if (n < 0 || (size_t)n >= sizeof(through))
		return -ENAMETOOLONG;
	return connect_to(fd, through);
}

int link_socket_connect(const char *path)
{
	cleanup_close int fd = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = connect_to(fd, path);
	if (r == -ENAMETOOLONG)
		r = connect_to_long(fd, path);
	return r < 0 ? r : steal_fd(&fd);
}

int link_socket_get_peer(int fd, pid_t *ret_pid)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	/* 0 is a process of another pid namespace. */
	if (credentials.pid <= 0)
		return -ESRCH;
	*ret_pid = credentials.pid;
	return 0;
}
