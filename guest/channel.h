/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The conversation with the host over the port: opened when it is there, greeted,
 * read and written without waiting. What the host's messages mean for the counters
 * is guest/worker.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/agent.h"
#include "guest/port.h"
#include "guest/status.h"
#include "shared/log.h"

#define CHANNEL_READ_SIZE 16384

struct channel {
	struct port port;
	struct agent agent;
	enum status_link link;
	/* Reading ended for the turn's sake, not because nothing was left. */
	bool more;
	int call_fd;
	uint64_t port_tag;
	int open_error; /* as it was logged */
	struct log_limit hello_limit;
	char input[CHANNEL_READ_SIZE];
};

/* What was read, in order; -errno ends the reading, which returns it. */
typedef int channel_take_fn(void *context, const char *data, size_t len);

/*
 * path, epoll_fd and call_fd (guest/keeper_call.h) must live as long as the channel;
 * epoll tells of the port and of where it may appear with the two tags. -errno.
 */
int channel_init(struct channel *channel, const char *path, int epoll_fd, int call_fd,
	uint64_t port_tag, uint64_t watch_tag, const struct uuid *boot_id);
/* Also of one that is all zero but for the -1 of port's two fds. */
void channel_deinit(struct channel *channel);

/* When channel_process_deadlines() has something to do; UINT64_MAX: never. */
uint64_t channel_deadline_ns(const struct channel *channel);

/* Opens the port, says hello. -ETIMEDOUT: the keeper does not answer. */
int channel_process_deadlines(struct channel *channel, uint64_t now_ns);

/* epoll's events of the port; reads as channel_read(). */
int channel_process(struct channel *channel, uint32_t events, uint64_t now_ns,
	channel_take_fn *take, void *context);

/* Reads for a turn, and sets more if that was not all. */
int channel_read(
	struct channel *channel, uint64_t now_ns, channel_take_fn *take, void *context);

/* Writes what the agent has to say, as far as it fits. -errno of epoll_ctl(2). */
int channel_write(struct channel *channel, uint64_t now_ns);

/* The host's welcome is good, or not: then it is greeted again, but not at once. */
void channel_settle(struct channel *channel);
void channel_reject(struct channel *channel, uint64_t now_ns);
