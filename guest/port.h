/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The channel's end in the guest: a virtio-serial port, or a unix stream socket.
 * It may be missing, be there without a host, and come and go (hot plug); what is
 * said over it is guest/agent.h's.
 *
 * While no host is connected, a port polls as readable and hung up, always, reads 0
 * bytes and takes none. So it is waited for edge-triggered (epoll(7)): its driver
 * wakes waiters when a host connects and leaves (drivers/char/virtio_console.c).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* First and last pause between two attempts to open what is missing. */
#define PORT_RETRY_MIN_NS UINT64_C(250000000)
#define PORT_RETRY_MAX_NS UINT64_C(10000000000)

/*
 * Opens path, which needs the privilege to do so: a character device, or a socket
 * that is connected to. The fd, the caller's, does not block. -ENOENT, -ECONNREFUSED,
 * -EBUSY (another process has it), -ENOTSUP: it is neither.
 */
int port_open(const char *path, int *ret_fd);

struct port {
	const char *path;
	int epoll_fd;
	int fd;		/* -1: not open */
	uint64_t tag;	/* epoll's data of fd */
	bool is_socket; /* which, without its host, is to be closed */
	bool writing;	/* port_want_writing() */
	/* inotify(7): one watch, on a directory that path goes through. */
	int watch_fd;
	int watch; /* -1: none */
	char watched_dir[PATH_MAX];
	char awaited[NAME_MAX + 1]; /* the name in it that is missing */
	uint64_t retry_at_ns;
	uint64_t retry_ns;
};

/*
 * Nothing is open yet; the first attempt is due at once. path and epoll_fd must live
 * as long as the port. -errno of inotify(7).
 */
int port_init(struct port *port, const char *path, int epoll_fd, uint64_t watch_tag);
void port_deinit(struct port *port);

/* When to try to open it (again); UINT64_MAX: it is open. */
uint64_t port_deadline_ns(const struct port *port);

/*
 * Takes over fd, which port_open() opened; epoll tells of it with the data tag, and
 * the first time at once. On failure the fd is closed.
 */
int port_attach(struct port *port, int fd, uint64_t tag);

/* It could not be opened: later, or when something appears where path leads. */
void port_failed(struct port *port, uint64_t now_ns);

/* The host said something sensible: the pauses between attempts are short again. */
void port_settle(struct port *port);

/* The watch is readable: makes an attempt due if what was missing has appeared. */
void port_process_watch(struct port *port, uint64_t now_ns);

/* Closes it, to be opened again after a pause. */
void port_detach(struct port *port, uint64_t now_ns);

/*
 * Whether epoll shall also tell when bytes can be written; without a host, that is
 * when one connects.
 */
int port_want_writing(struct port *port, bool wanted);

/*
 * Reads or writes what there is, or what fits. -EAGAIN: nothing, no room;
 * -ENOTCONN: there is no host, the port stays open; other errors: it is gone.
 */
ssize_t port_read(struct port *port, char *data, size_t size);
ssize_t port_write(struct port *port, const char *data, size_t len);
