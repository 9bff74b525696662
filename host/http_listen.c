/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Listening sockets. */
#include "host/http_listen.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/cleanup.h"

/* Removes a socket file that nobody listens on; -EADDRINUSE when somebody does. */
static int remove_stale_socket(const struct sockaddr_un *address)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The group gets the socket only where this process may give it away. */
static int give_to_group(const char *path, const char *name)
{
	const struct group *group = getgrnam(name);

	if (group && chown(path, (uid_t)-1, group->gr_gid) < 0 && errno != EPERM)
		return -errno;
	return chmod(path, 0660) < 0 ? -errno : 0;
}

int http_listen_unix(const char *path, const char *group, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	r = remove_stale_socket(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The file is made with the mode of the socket: nobody else gets in before chmod.
	 */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = give_to_group(path, group);
	if (r == 0 && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int http_listen_tcp(const struct sockaddr *address, socklen_t len, int *ret_fd)
{
	cleanup_close int fd = socket(
		address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, send_buffer = HTTP_SEND_BUFFER;

	if (fd < 0)
		return -errno;
	/* What lingers of the run before is no reason to wait. Connections inherit the
	 * size. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer)) <
			0 ||
		bind(fd, address, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}
