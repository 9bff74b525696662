/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a host may send to the agent: any bytes, through the agent into the mirror.
 * The nonce is a fixed one, so that inputs can hold a welcome that is believed.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/agent.h"
#include "guest/mirror.h"
#include "guest/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct uuid boot_id = { { 1 } };
static const struct uuid nonce = { { 1 } };

static void take_sample(
	struct agent *agent, struct mirror *mirror, const struct message_sample *sample)
{
	uint64_t before_uj = 0, after_uj = 0, now_ns = sample->seq * 1000;
	struct mirror_memory memory;
	int r = mirror_shown(mirror, 0, now_ns, &before_uj);

	if (mirror_prepare(mirror, sample, now_ns, &memory) < 0)
		return;
	mirror_commit(mirror, &memory);
	agent_accept(agent, sample, now_ns);
	if (r == 0 && mirror_shown(mirror, 0, now_ns, &after_uj) == 0)
		assert(after_uj >= before_uj);
	assert(after_uj <= mirror->memory.zones[0].measured_uj);
}

static void feed(struct agent *agent, struct mirror *mirror, const char *data, size_t len)
{
	struct message message;
	char text[STATUS_TEXT_SIZE];
	const struct status status = { .link = STATUS_STREAMING };

	for (;;) {
		switch (agent_feed(agent, &data, &len, 0, &message)) {
		case AGENT_MORE:
			assert(len == 0);
			assert(status_format(&status, mirror, 0, text) > 0);
			return;
		case AGENT_WELCOME:
			/* What the decoder lets pass makes a tree. */
			assert(mirror_welcome(mirror, &message.welcome) == 0);
			break;
		case AGENT_SAMPLE:
			take_sample(agent, mirror, &message.sample);
			break;
		case AGENT_DROPPED:
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mirror mirror;
	struct agent agent;
	size_t len;

	mirror_init(&mirror);
	if (agent_init(&agent, &boot_id) < 0)
		return 0;
	agent_connect(&agent, 0);
	/* Twice, in two pieces: as after a reconnection, and cut at every place. */
	for (unsigned int i = 0; i < 2; i++) {
		size_t cut = size ? data[0] % (size + 1) : 0;

		if (agent_hello(&agent, &nonce, 0) < 0)
			break;
		feed(&agent, &mirror, (const char *)data, cut);
		feed(&agent, &mirror, (const char *)data + cut, size - cut);
		agent_output(&agent, &len);
		agent_sent(&agent, len / 2);
	}
	agent_deinit(&agent);
	return 0;
}
