/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the unprivileged worker asks of its privileged keeper, over a socketpair: one
 * request at a time, each answered with an error or a file descriptor. The worker
 * chooses no paths: it can only ask for what the keeper was configured with.
 */
#pragma once

#include <stdbool.h>

enum keeper_request {
	KEEPER_OPEN_PORT, /* the channel's port, non-blocking */
	KEEPER_MOUNT,	  /* an open /dev/fuse, mounted where the tree belongs */
};

/* *ret_keeper_fd and *ret_worker_fd are the two ends, for the caller to close. */
int keeper_call_pair(int *ret_keeper_fd, int *ret_worker_fd);

/*
 * The worker's side: asks and waits, at most 10 s. Returns what the keeper answered;
 * *ret_fd is the caller's. -ETIMEDOUT; -ECONNRESET: there is no keeper any more.
 */
int keeper_call(int worker_fd, enum keeper_request request, int *ret_fd);

/* The worker's side: whether the keeper has closed its end. */
bool keeper_call_is_over(int worker_fd);

/*
 * The keeper's side: takes one request. -EAGAIN: there is none; -ECONNRESET: the
 * worker is gone; -EBADMSG: it sent something else.
 */
int keeper_call_receive(int keeper_fd, enum keeper_request *ret_request);

/* Answers with error (0 or -errno) and, for 0, a copy of fd, which stays the caller's. */
int keeper_call_reply(int keeper_fd, int error, int fd);
