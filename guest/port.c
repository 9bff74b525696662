/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The channel's port: opening it, waiting for it, reading and writing it. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/cleanup.h"

static int connect_to(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int port_open(const char *path, int *ret_fd)
{
	cleanup_close int found = open(path, O_PATH | O_CLOEXEC);
	/* What was found is what is opened; and a socket's path can be too long. */
	char link[sizeof("/proc/self/fd/") + 11];
	struct stat st;
	int fd;

	if (found < 0 || fstat(found, &st) < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	if (S_ISSOCK(st.st_mode))
		return connect_to(link, ret_fd);
	if (!S_ISCHR(st.st_mode))
		return -ENOTSUP;
	fd = open(link, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int port_init(struct port *port, const char *path, int epoll_fd, uint64_t watch_tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = watch_tag };
	cleanup_close int watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (watch_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch_fd, &event) < 0)
		return -errno;
	*port = (struct port){
		.path = path,
		.epoll_fd = epoll_fd,
		.fd = -1,
		.watch_fd = steal_fd(&watch_fd),
		.watch = -1,
		.retry_ns = PORT_RETRY_MIN_NS,
	};
	return 0;
}

void port_deinit(struct port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	if (port->watch_fd >= 0)
		close(port->watch_fd);
	*port = (struct port){ .fd = -1, .watch_fd = -1, .watch = -1 };
}

uint64_t port_deadline_ns(const struct port *port)
{
	return port->fd >= 0 ? UINT64_MAX : port->retry_at_ns;
}

static void drop_watch(struct port *port)
{
	if (port->watch >= 0)
		inotify_rm_watch(port->watch_fd, port->watch);
	port->watch = -1;
}

static uint32_t epoll_events(const struct port *port)
{
	return (uint32_t)EPOLLIN | (uint32_t)EPOLLET |
	       (port->writing ? (uint32_t)EPOLLOUT : 0);
}

int port_attach(struct port *port, int fd, uint64_t tag)
{
	cleanup_close int owned = fd;
	struct epoll_event event = { .data.u64 = tag };
	struct stat st;

	port->writing = true;
	event.events = epoll_events(port);
	if (fstat(fd, &st) < 0 ||
		epoll_ctl(port->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	drop_watch(port);
	port->is_socket = S_ISSOCK(st.st_mode);
	port->tag = tag;
	port->fd = steal_fd(&owned);
	return 0;
}

/*
 * Splits path into the deepest directory that exists and the name missing in it;
 * false when nothing can be waited for.
 */
static bool find_missing(const char *path, char dir[PATH_MAX], char name[NAME_MAX + 1])
{
	char parent[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(parent))
		return false;
	memcpy(parent, path, len + 1);
	for (;;) {
		char *slash = strrchr(parent, '/');

		if (!slash || strlen(slash + 1) > NAME_MAX)
			return false;
		strcpy(name, slash + 1);
		slash[slash == parent] = '\0';
		if (access(parent, F_OK) == 0) {
			strcpy(dir, parent);
			return true;
		}
		if (slash == parent)
			return false;
	}
}

/* Waits for what is missing; whether that is another thing than before. */
static bool renew_watch(struct port *port)
{
	char dir[PATH_MAX], name[NAME_MAX + 1];

	if (!find_missing(port->path, dir, name)) {
		drop_watch(port);
		return false;
	}
	if (port->watch >= 0 && strcmp(dir, port->watched_dir) == 0 &&
		strcmp(name, port->awaited) == 0)
		return false;
	drop_watch(port);
	/* Where this is not allowed, attempts are only made from time to time. */
	port->watch = inotify_add_watch(
		port->watch_fd, dir, IN_CREATE | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR);
	strcpy(port->watched_dir, dir);
	strcpy(port->awaited, name);
	return port->watch >= 0;
}

static void pause_attempts(struct port *port, uint64_t now_ns)
{
	port->retry_at_ns = now_ns + port->retry_ns;
	port->retry_ns *= 2;
	if (port->retry_ns > PORT_RETRY_MAX_NS)
		port->retry_ns = PORT_RETRY_MAX_NS;
}

void port_failed(struct port *port, uint64_t now_ns)
{
	/* What is awaited may have appeared before the watch was there. */
	if (renew_watch(port))
		port->retry_at_ns = now_ns;
	else
		pause_attempts(port, now_ns);
}

void port_settle(struct port *port)
{
	port->retry_ns = PORT_RETRY_MIN_NS;
}

static bool event_matters(const struct port *port, const struct inotify_event *event)
{
	if (event->wd != port->watch)
		return false;
	if (event->mask & (IN_MOVE_SELF | IN_IGNORED))
		return true;
	return event->len > 0 && strcmp(event->name, port->awaited) == 0;
}

void port_process_watch(struct port *port, uint64_t now_ns)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t n;

	while ((n = read(port->watch_fd, events, sizeof(events))) > 0) {
		const struct inotify_event *event;

		for (char *p = events; p < events + n; p += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(void *)p;
			if (event->mask & IN_Q_OVERFLOW)
				port->retry_at_ns = now_ns;
			if (!event_matters(port, event))
				continue;
			if (event->mask & (IN_MOVE_SELF | IN_IGNORED))
				drop_watch(port);
			port_settle(port);
			port->retry_at_ns = now_ns;
		}
	}
}

void port_detach(struct port *port, uint64_t now_ns)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	pause_attempts(port, now_ns);
}

int port_want_writing(struct port *port, bool wanted)
{
	struct epoll_event event = { .data.u64 = port->tag };

	if (port->fd < 0 || port->writing == wanted)
		return 0;
	port->writing = wanted;
	event.events = epoll_events(port);
	return epoll_ctl(port->epoll_fd, EPOLL_CTL_MOD, port->fd, &event) < 0 ? -errno
									      : 0;
}

ssize_t port_read(struct port *port, char *data, size_t size)
{
	ssize_t n = read(port->fd, data, size);

	if (n < 0)
		return -errno;
	if (n == 0)
		return port->is_socket ? -ECONNRESET : -ENOTCONN;
	return n;
}

ssize_t port_write(struct port *port, const char *data, size_t len)
{
	ssize_t n = write(port->fd, data, len);

	/* Without a host a port takes nothing, and says EAGAIN or writes 0 bytes. */
	if (n <= 0)
		return n < 0 ? -errno : -EAGAIN;
	return n;
}
