/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The host's end of the stream, as little of it as an agent needs. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/feeder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuse-powercap/virtual.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

#define WAIT_S	       60
#define PERIOD_MS      1000
#define STALE_AFTER_MS (24 * 3600 * 1000)
/* To the agent, its guest was paused for so long: it shows what flowed at once. */
#define PAUSE_NS (3600 * (uint64_t)NSEC_PER_SEC)

static const char *const parameter_names[FEEDER_ZONES] = { "package_uj", "dram_uj" };

static int wait_for_agent(const char *path, int *ret_fd)
{
	const struct timeval patience = { .tv_sec = WAIT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (listener < 0 ||
		setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience,
			sizeof(patience)) < 0 ||
		bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 1) < 0)
		return -errno;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*ret_fd = fd;
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0
		       ? -errno
		       : 0;
}

static int send_line(const struct feeder *feeder, const char *line, int len)
{
	if (len < 0)
		return len;
	return send(feeder->fd, line, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -EIO;
}

static int send_sample(struct feeder *feeder)
{
	struct message_sample sample = {
		.seq = ++feeder->seq,
		.t_ns = feeder->t_ns += PAUSE_NS,
		.quality = MESSAGE_MEASURED,
		.n_zones = FEEDER_ZONES,
	};
	char line[MESSAGE_HOST_LINE_MAX];

	memcpy(sample.uj, feeder->uj, sizeof(feeder->uj));
	return send_line(
		feeder, line, message_encode_sample(&sample, line, sizeof(line)));
}

static int send_welcome(struct feeder *feeder, const struct message_hello *hello)
{
	struct message_welcome welcome = {
		.proto = MESSAGE_PROTO,
		.epoch = { { 1 } },
		.period_ms = PERIOD_MS,
		.stale_after_ms = STALE_AFTER_MS,
		.n_zones = FEEDER_ZONES,
		.zones = { { "package-0", 262143328850, -1 },
			{ "dram", 65712999613, 0 } },
	};
	char line[MESSAGE_HOST_LINE_MAX];
	int r;

	memcpy(welcome.nonce, hello->nonce, sizeof(welcome.nonce));
	/* What the port had before may have no end. */
	r = send_line(feeder, "\n", 1);
	if (r < 0)
		return r;
	feeder->seq = 0;
	return send_line(
		feeder, line, message_encode_welcome(&welcome, line, sizeof(line)));
}

/* 1: the agent has the newest sample. */
static int take_line(struct feeder *feeder, const char *line, size_t len)
{
	struct message message;
	int r;

	r = message_decode(line, len, &message);
	if (r < 0)
		return r;
	if (message.type == MESSAGE_ACK)
		return message.ack.seq == feeder->seq;
	if (message.type != MESSAGE_HELLO)
		return 0;
	r = send_welcome(feeder, &message.hello);
	return r < 0 ? r : send_sample(feeder);
}

/* On a busy machine the agent says hello again before it is answered. */
static int wait_for_ack(struct feeder *feeder)
{
	char buffer[1024];
	int r = 0;

	while (r == 0) {
		ssize_t n = recv(feeder->fd, buffer, sizeof(buffer), 0);
		size_t left = n > 0 ? (size_t)n : 0, len;
		const char *data = buffer, *line;

		if (n == 0)
			return -ECONNRESET;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		while (r == 0 && frame_next(&feeder->frame, &data, &left, &line, &len) ==
					 FRAME_LINE)
			r = take_line(feeder, line, len);
	}
	return r < 0 ? r : 0;
}

static int set_parameters(const struct feeder *feeder)
{
	for (unsigned int i = 0; i < FEEDER_ZONES; i++) {
		cleanup_fclose FILE *file = NULL;
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", feeder->parameters,
			parameter_names[i]);
		file = fopen(path, "we");
		if (!file || fprintf(file, "%" PRIu64, feeder->uj[i]) < 0 ||
			fflush(file) != 0)
			return -errno;
	}
	return 0;
}

int feeder_init(struct feeder *feeder, const char *socket_path, const char *parameters)
{
	int r;

	*feeder = (struct feeder){
		.fd = -1,
		.parameters = parameters,
		.uj = { 1, 1 },
	};
	r = frame_init(&feeder->frame, MESSAGE_GUEST_LINE_MAX);
	if (r < 0)
		return r;
	r = wait_for_agent(socket_path, &feeder->fd);
	if (r < 0)
		return r;
	r = set_parameters(feeder);
	/* It speaks first. */
	return r < 0 ? r : wait_for_ack(feeder);
}

void feeder_deinit(struct feeder *feeder)
{
	if (feeder->fd >= 0)
		close(feeder->fd);
	frame_deinit(&feeder->frame);
}

int feeder_advance(struct feeder *feeder, const uint32_t uj[FEEDER_ZONES])
{
	int r;

	for (unsigned int i = 0; i < FEEDER_ZONES; i++)
		feeder->uj[i] += uj[i];
	r = set_parameters(feeder);
	if (r == 0)
		r = send_sample(feeder);
	if (r == 0)
		r = wait_for_ack(feeder);
	/* Who read one zone just before is shown the other as of then. */
	usleep(3 * VIRTUAL_PASS_NS / 2000);
	return r;
}
