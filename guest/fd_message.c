/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* sendmsg(2) and recvmsg(2), with what cmsg(3) takes. */
#include "guest/fd_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 10

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FD_MESSAGE_FDS_MAX * sizeof(int))];
};

static int set_patience(int fd)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
			       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
				       sizeof(patience)) < 0
		       ? -errno
		       : 0;
}

int fd_message_pair(int *ret_a_fd, int *ret_b_fd)
{
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	r = set_patience(fds[0]);
	if (r == 0)
		r = set_patience(fds[1]);
	if (r < 0) {
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	*ret_a_fd = fds[0];
	*ret_b_fd = fds[1];
	return 0;
}

int fd_message_send(int socket_fd, const void *data, size_t len, const int *fds,
	size_t n_fds, int flags)
{
	union control control = { 0 };
	struct iovec vec = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1 };
	ssize_t n;

	assert(n_fds <= FD_MESSAGE_FDS_MAX);
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(socket_fd, &message, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Those that came, if they are as many as is expected; else they are closed. */
static void take_fds(struct msghdr *message, int *ret_fds, size_t n_fds)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fds[FD_MESSAGE_FDS_MAX];
	size_t n;

	for (size_t i = 0; i < n_fds; i++)
		ret_fds[i] = -1;
	if (!header || header->cmsg_level != SOL_SOCKET ||
		header->cmsg_type != SCM_RIGHTS)
		return;
	n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(header), n * sizeof(int));
	for (size_t i = 0; i < n; i++) {
		if (n == n_fds)
			ret_fds[i] = fds[i];
		else
			close(fds[i]);
	}
}

ssize_t fd_message_receive(
	int socket_fd, void *data, size_t size, int *ret_fds, size_t n_fds, int flags)
{
	union control control;
	struct iovec vec = { .iov_base = data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	assert(n_fds <= FD_MESSAGE_FDS_MAX);
	do
		n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&message, ret_fds, n_fds);
	return n;
}
