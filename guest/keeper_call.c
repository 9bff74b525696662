/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Requests of the worker to the keeper; replies with file descriptors. */
#include "guest/keeper_call.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "shared/cleanup.h"

#define PATIENCE_S 10

/* Room for the one fd that comes with a reply (SCM_RIGHTS in unix(7)). */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int keeper_call_pair(int *ret_keeper_fd, int *ret_worker_fd)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	if (setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) <
		0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return r;
	}
	*ret_keeper_fd = fds[0];
	*ret_worker_fd = fds[1];
	return 0;
}

static int received_fd(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET ||
		header->cmsg_type != SCM_RIGHTS ||
		header->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

int keeper_call(int worker_fd, enum keeper_request request, int *ret_fd)
{
	uint8_t byte = (uint8_t)request;
	int32_t error;
	union control control;
	struct iovec data = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr message = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n;
	int fd;

	if (send(worker_fd, &byte, sizeof(byte), MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	do
		n = recvmsg(worker_fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	if (n != (ssize_t)sizeof(error) || error > 0)
		return -EBADMSG;
	if (error < 0)
		return error;
	fd = received_fd(&message);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

bool keeper_call_is_over(int worker_fd)
{
	uint8_t byte;

	return recv(worker_fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) == 0;
}

int keeper_call_receive(int keeper_fd, enum keeper_request *ret_request)
{
	uint8_t byte[2];
	ssize_t n = recv(keeper_fd, byte, sizeof(byte), MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	if (n != 1 || byte[0] > KEEPER_MOUNT)
		return -EBADMSG;
	*ret_request = (enum keeper_request)byte[0];
	return 0;
}

int keeper_call_reply(int keeper_fd, int error, int fd)
{
	int32_t value = error;
	union control control = { 0 };
	struct iovec data = { .iov_base = &value, .iov_len = sizeof(value) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (error == 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	if (sendmsg(keeper_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}
