/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Requests of the worker to the keeper; replies with file descriptors. */
#include "guest/keeper_call.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "guest/fd_message.h"
#include "shared/cleanup.h"

int keeper_call_pair(int *ret_keeper_fd, int *ret_worker_fd)
{
	return fd_message_pair(ret_keeper_fd, ret_worker_fd);
}

int keeper_call(int worker_fd, enum keeper_request request, int *ret_fd)
{
	uint8_t byte = (uint8_t)request;
	int32_t error;
	ssize_t n;
	int fd, r;

	r = fd_message_send(worker_fd, &byte, sizeof(byte), NULL, 0, 0);
	if (r < 0)
		return r == -EPIPE ? -ECONNRESET : r;
	n = fd_message_receive(worker_fd, &error, sizeof(error), &fd, 1, 0);
	if (n < 0)
		return n == -EAGAIN ? -ETIMEDOUT : (int)n;
	if (n == 0)
		return -ECONNRESET;
	if (n != (ssize_t)sizeof(error) || error > 0 || (error == 0) != (fd >= 0)) {
		cleanup_closep(&fd);
		return -EBADMSG;
	}
	if (error < 0)
		return error;
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

	return fd_message_send(
		keeper_fd, &value, sizeof(value), &fd, error == 0 ? 1 : 0, MSG_DONTWAIT);
}
