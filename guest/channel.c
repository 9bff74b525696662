/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The port and the agent's words over it. It logs why the port cannot be opened. */
#include "guest/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "guest/keeper_call.h"

/* Of the port a turn: a host that floods must not keep the tree waiting. */
#define READS_A_TURN 4

#define LOG_INTERVAL_NS UINT64_C(10000000000)

int channel_init(struct channel *channel, const char *path, int epoll_fd, int call_fd,
	uint64_t port_tag, uint64_t watch_tag, const struct uuid *boot_id)
{
	int r;

	channel->call_fd = call_fd;
	channel->port_tag = port_tag;
	r = port_init(&channel->port, path, epoll_fd, watch_tag);
	if (r < 0)
		return r;
	return agent_init(&channel->agent, boot_id);
}

void channel_deinit(struct channel *channel)
{
	agent_deinit(&channel->agent);
	port_deinit(&channel->port);
}

uint64_t channel_deadline_ns(const struct channel *channel)
{
	uint64_t port_ns = port_deadline_ns(&channel->port);
	uint64_t agent_ns = agent_deadline_ns(&channel->agent);

	return port_ns < agent_ns ? port_ns : agent_ns;
}

/* The host, or the port with it, has gone. */
static void lose_host(struct channel *channel, int error, uint64_t now_ns)
{
	agent_disconnect(&channel->agent);
	channel->more = false;
	if (error != -ENOTCONN) {
		log_debug("the port: %s", strerror(-error));
		port_detach(&channel->port, now_ns);
	}
	channel->link = channel->port.fd < 0 ? STATUS_NO_PORT : STATUS_NO_HOST;
}

static void log_open_error(struct channel *channel, int error)
{
	const char *path = channel->port.path;

	if (error == channel->open_error)
		return;
	channel->open_error = error;
	log_info("cannot open %s: %s%s; waiting for it", path, strerror(-error),
		error == -ENOENT && strstr(path, "/virtio-ports/")
			? " (the domain has no such channel)"
			: "");
}

static int open_port(struct channel *channel, uint64_t now_ns)
{
	int fd, r;

	r = keeper_call(channel->call_fd, KEEPER_OPEN_PORT, &fd);
	if (r == -ETIMEDOUT) {
		log_error("the keeper does not answer; ending");
		return r;
	}
	if (r == 0)
		r = port_attach(&channel->port, fd, channel->port_tag);
	if (r < 0) {
		log_open_error(channel, r);
		port_failed(&channel->port, now_ns);
		return 0;
	}
	/* The first event, which comes at once, tells whether a host is there. */
	channel->open_error = 0;
	return 0;
}

static void say_hello(struct channel *channel, uint64_t now_ns)
{
	uint64_t suppressed;
	struct uuid nonce;
	int r;

	r = uuid_generate(&nonce);
	if (r == 0)
		r = agent_hello(&channel->agent, &nonce, now_ns);
	if (r < 0) {
		if (log_limit_pass(
			    &channel->hello_limit, now_ns, LOG_INTERVAL_NS, &suppressed))
			log_error("cannot say hello, trying again: %s", strerror(-r));
		agent_connect(&channel->agent, now_ns + AGENT_PATIENCE_NS);
	}
	channel->link = STATUS_GREETING;
}

int channel_process_deadlines(struct channel *channel, uint64_t now_ns)
{
	if (now_ns >= port_deadline_ns(&channel->port)) {
		int r = open_port(channel, now_ns);

		if (r < 0)
			return r;
	}
	if (now_ns >= agent_deadline_ns(&channel->agent))
		say_hello(channel, now_ns);
	return 0;
}

int channel_process(struct channel *channel, uint32_t events, uint64_t now_ns,
	channel_take_fn *take, void *context)
{
	if (channel->port.fd < 0)
		return 0;
	if (!(events & (EPOLLHUP | EPOLLERR)) && channel->agent.state == AGENT_AWAY) {
		agent_connect(&channel->agent, now_ns);
		channel->link = STATUS_GREETING;
	}
	return channel_read(channel, now_ns, take, context);
}

int channel_read(
	struct channel *channel, uint64_t now_ns, channel_take_fn *take, void *context)
{
	channel->more = false;
	for (unsigned int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = port_read(
			&channel->port, channel->input, sizeof(channel->input));
		int r;

		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n < 0) {
			lose_host(channel, (int)n, now_ns);
			return 0;
		}
		r = take(context, channel->input, (size_t)n);
		if (r < 0)
			return r;
	}
	channel->more = true;
	return 0;
}

int channel_write(struct channel *channel, uint64_t now_ns)
{
	const char *data;
	size_t len;

	while (channel->port.fd >= 0) {
		ssize_t n;

		data = agent_output(&channel->agent, &len);
		if (len == 0)
			break;
		n = port_write(&channel->port, data, len);
		if (n == -EAGAIN || n == -EINTR)
			break;
		if (n < 0)
			lose_host(channel, (int)n, now_ns);
		else
			agent_sent(&channel->agent, (size_t)n);
	}
	agent_output(&channel->agent, &len);
	return port_want_writing(
		&channel->port, len > 0 || channel->agent.state == AGENT_AWAY);
}

void channel_settle(struct channel *channel)
{
	port_settle(&channel->port);
	channel->link = STATUS_STREAMING;
}

void channel_reject(struct channel *channel, uint64_t now_ns)
{
	agent_connect(&channel->agent, now_ns + AGENT_PATIENCE_NS);
}
