/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* libfuse's low-level session, over a descriptor that is mounted already. */
#include "config.h" /* first: _GNU_SOURCE */

#define FUSE_USE_VERSION 34
#include "fuse-powercap/session.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Requests answered by one powercap_session_process(). */
#define REQUESTS_MAX 64

struct powercap_session {
	struct fuse_session *fuse;
	/* libfuse's, allocated with the first request and used for all. */
	struct fuse_buf buffer;
};

int powercap_session_format_data(
	int fuse_fd, mode_t root_mode, const char *context, char *data, size_t size)
{
	int r;

	/* The kernel takes a quoted label as it is, up to the next quote. */
	if (context && strpbrk(context, "\"\\"))
		return -EINVAL;
	r = snprintf(data, size,
		"fd=%d,rootmode=%o,user_id=0,group_id=0,"
		"allow_other,default_permissions%s%s%s",
		fuse_fd, (unsigned int)root_mode, context ? ",context=\"" : "",
		context ? context : "", context ? "\"" : "");
	return r < 0 || (size_t)r >= size ? -ENAMETOOLONG : r;
}

/* libfuse takes the fd by this name, mounts nothing then and closes it in the end. */
static int adopt_fd(struct fuse_session *fuse, int fd)
{
	char name[32];
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	return fuse_session_mount(fuse, name) < 0 ? -EINVAL : 0;
}

int powercap_session_new(int fuse_fd, const struct fuse_lowlevel_ops *operations,
	size_t operations_size, void *userdata, struct powercap_session **ret_session)
{
	char *argv[] = { (char[]){ POWERCAP_SESSION_SOURCE }, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	cleanup_powercap_session struct powercap_session *session = NULL;
	cleanup_close int fd = fuse_fd;
	int r;

	session = calloc(1, sizeof(*session));
	if (!session)
		return -ENOMEM;
	session->fuse = fuse_session_new(&args, operations, operations_size, userdata);
	fuse_opt_free_args(&args);
	if (!session->fuse)
		return -ENOMEM;
	r = adopt_fd(session->fuse, fd);
	if (r < 0)
		return r;
	steal_fd(&fd);
	*ret_session = steal_pointer(&session);
	return 0;
}

struct powercap_session *powercap_session_free(struct powercap_session *session)
{
	if (!session)
		return NULL;
	if (session->fuse)
		fuse_session_destroy(session->fuse);
	free(session->buffer.mem);
	free(session);
	return NULL;
}

int powercap_session_fd(const struct powercap_session *session)
{
	return fuse_session_fd(session->fuse);
}

int powercap_session_process(struct powercap_session *session)
{
	for (unsigned int i = 0; i < REQUESTS_MAX; i++) {
		int r = fuse_session_receive_buf(session->fuse, &session->buffer);

		if (r == -EAGAIN || r == -EINTR)
			return 0;
		if (r < 0)
			return r;
		if (r > 0)
			fuse_session_process_buf(session->fuse, &session->buffer);
		if (r == 0 || fuse_session_exited(session->fuse))
			return -ENODEV;
	}
	return 0;
}
