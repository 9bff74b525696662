/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The guest's end of the stream: hello, welcome, samples, acks. */
#include "guest/agent.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "shared/clock.h"

int agent_init(struct agent *agent, const struct uuid *boot_id)
{
	struct frame frame;
	int r;

	r = frame_init(&frame, MESSAGE_HOST_LINE_MAX);
	if (r < 0)
		return r;
	*agent = (struct agent){ .frame = frame, .boot_id = *boot_id };
	return 0;
}

void agent_deinit(struct agent *agent)
{
	frame_deinit(&agent->frame);
}

void agent_connect(struct agent *agent, uint64_t now_ns)
{
	agent_disconnect(agent);
	agent->state = AGENT_GREETING;
	agent->hello_at_ns = now_ns;
}

void agent_disconnect(struct agent *agent)
{
	frame_reset(&agent->frame);
	agent->state = AGENT_AWAY;
	agent->nonce[0] = '\0';
	agent->n_sent = 0;
	agent->n_output = 0;
}

void agent_doubt(struct agent *agent, uint64_t now_ns)
{
	agent->hello_at_ns = now_ns;
}

uint64_t agent_deadline_ns(const struct agent *agent)
{
	return agent->state == AGENT_AWAY ? UINT64_MAX : agent->hello_at_ns;
}

/* Forgets what is queued, but for the rest of a line of which a part is sent. */
static void drop_output(struct agent *agent)
{
	size_t n_sent = agent->n_sent, n_kept = 0;

	if (n_sent > 0 && n_sent < agent->n_output && agent->output[n_sent - 1] != '\n') {
		const char *rest = agent->output + n_sent;
		const char *end = memchr(rest, '\n', agent->n_output - n_sent);

		assert(end);
		n_kept = (size_t)(end - rest) + 1;
		memmove(agent->output, rest, n_kept);
	}
	agent->n_sent = 0;
	agent->n_output = n_kept;
}

int agent_hello(struct agent *agent, const struct uuid *nonce, uint64_t now_ns)
{
	struct message_hello hello = {
		.proto = MESSAGE_PROTO,
		.agent = "vmpower-guest/" PACKAGE_VERSION,
		.boot_id = agent->boot_id,
	};
	char line[MESSAGE_GUEST_LINE_MAX + 1];
	int len;

	agent->hello_at_ns = now_ns + (agent->nonce[0] == '\0' ? AGENT_FIRST_PATIENCE_NS
							       : AGENT_PATIENCE_NS);
	uuid_format(nonce, hello.nonce);
	len = message_encode_hello(&hello, line, sizeof(line));
	if (len < 0)
		return len;
	frame_reset(&agent->frame);
	agent->state = AGENT_GREETING;
	memcpy(agent->nonce, hello.nonce, sizeof(agent->nonce));
	/* The newline ends whatever the host has of a line that was lost. */
	drop_output(agent);
	agent->output[agent->n_output++] = '\n';
	memcpy(agent->output + agent->n_output, line, (size_t)len);
	agent->n_output += (size_t)len;
	return 0;
}

static enum agent_event take_welcome(
	struct agent *agent, const struct message_welcome *welcome, uint64_t now_ns)
{
	uint64_t periods_ns = 3 * (uint64_t)welcome->period_ms * NSEC_PER_MSEC;

	/* The answer to another hello, or a second one to this: nothing was asked. */
	if (agent->nonce[0] == '\0' || strcmp(welcome->nonce, agent->nonce) != 0)
		return AGENT_MORE;
	if (welcome->proto > MESSAGE_PROTO)
		return AGENT_DROPPED;
	agent->state = AGENT_STREAMING;
	agent->nonce[0] = '\0';
	agent->seq = 0;
	agent->n_zones = welcome->n_zones;
	agent->patience_ns = periods_ns > AGENT_PATIENCE_NS ? periods_ns
							    : AGENT_PATIENCE_NS;
	agent->hello_at_ns = now_ns + agent->patience_ns;
	return AGENT_WELCOME;
}

static enum agent_event take_sample(
	struct agent *agent, const struct message_sample *sample, uint64_t now_ns)
{
	if (agent->state != AGENT_STREAMING)
		return AGENT_MORE;
	/*
	 * After so long a silence it may be what a host left behind that is gone, while
	 * its successor waits for a hello.
	 */
	if (now_ns >= agent->hello_at_ns)
		return AGENT_MORE;
	if (sample->seq <= agent->seq || sample->n_zones != agent->n_zones)
		return AGENT_DROPPED;
	return AGENT_SAMPLE;
}

static enum agent_event take_line(struct agent *agent, const char *line, size_t len,
	uint64_t now_ns, struct message *message)
{
	if (message_decode(line, len, message) < 0)
		return AGENT_DROPPED;
	switch (message->type) {
	case MESSAGE_WELCOME:
		return take_welcome(agent, &message->welcome, now_ns);
	case MESSAGE_SAMPLE:
		return take_sample(agent, &message->sample, now_ns);
	default:
		return AGENT_MORE;
	}
}

enum agent_event agent_feed(struct agent *agent, const char **data, size_t *len,
	uint64_t now_ns, struct message *ret_message)
{
	for (;;) {
		enum agent_event event;
		struct message message;
		const char *line;
		size_t line_len;

		switch (frame_next(&agent->frame, data, len, &line, &line_len)) {
		case FRAME_MORE:
			return AGENT_MORE;
		case FRAME_TOO_LONG:
			return AGENT_DROPPED;
		case FRAME_LINE:
			break;
		}
		event = take_line(agent, line, line_len, now_ns, &message);
		if (event == AGENT_MORE)
			continue;
		if (event != AGENT_DROPPED)
			*ret_message = message;
		return event;
	}
}

void agent_accept(
	struct agent *agent, const struct message_sample *sample, uint64_t now_ns)
{
	struct message_ack ack = { .seq = sample->seq };
	int len;

	agent->seq = sample->seq;
	agent->hello_at_ns = now_ns + agent->patience_ns;
	/*
	 * A host waits for one ack at a time, so there is room, unless it does not
	 * play by the rules; then the next hello sets things right.
	 */
	len = message_encode_ack(&ack, agent->output + agent->n_output,
		sizeof(agent->output) - agent->n_output);
	if (len > 0)
		agent->n_output += (size_t)len;
}

const char *agent_output(const struct agent *agent, size_t *ret_len)
{
	*ret_len = agent->n_output - agent->n_sent;
	return agent->output + agent->n_sent;
}

void agent_sent(struct agent *agent, size_t n)
{
	assert(n <= agent->n_output - agent->n_sent);
	agent->n_sent += n;
	if (agent->n_sent < agent->n_output)
		return;
	agent->n_sent = 0;
	agent->n_output = 0;
}
