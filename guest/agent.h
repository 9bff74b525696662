/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The guest's end of the stream (shared/PROTOCOL.md): bytes of the host become a
 * welcome and samples, and what is to be said becomes bytes. Pure: it has no port;
 * time and random nonces are arguments. The host is as hostile as a guest may be:
 * what is malformed, late or not asked for is dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/frame.h"
#include "shared/message.h"

/* Silence after which it says hello again: this, or three periods if longer. */
#define AGENT_PATIENCE_NS UINT64_C(3000000000)

/* A first hello can be lost in a channel that is just changing hands. */
#define AGENT_FIRST_PATIENCE_NS UINT64_C(1000000000)

/* The rest of a line that was begun, a newline, and the longest hello. */
#define AGENT_OUTPUT_SIZE (2 * (MESSAGE_GUEST_LINE_MAX + 2))

enum agent_state {
	AGENT_AWAY,	 /* no host is connected */
	AGENT_GREETING,	 /* hello is to be said, or is said; no welcome yet */
	AGENT_STREAMING, /* welcomed */
};

enum agent_event {
	AGENT_MORE,    /* the input is used up */
	AGENT_WELCOME, /* the host's answer; samples follow */
	AGENT_SAMPLE,  /* to be given back to agent_accept(), or dropped */
	AGENT_DROPPED, /* a line was malformed, too long or out of order */
};

struct agent {
	struct frame frame;
	struct uuid boot_id;
	enum agent_state state;
	/* Of the hello that waits for its welcome; empty: none does. */
	char nonce[MESSAGE_NONCE_SIZE];
	uint64_t hello_at_ns;
	uint64_t patience_ns;
	/* Of the welcome: the last accepted sample, and how many values each has. */
	uint64_t seq;
	size_t n_zones;
	/* Bytes for the host: those up to sent are gone. */
	char output[AGENT_OUTPUT_SIZE];
	size_t n_sent;
	size_t n_output;
};

/* An agent of the guest boot boot_id, without a host. -ENOMEM. */
int agent_init(struct agent *agent, const struct uuid *boot_id);
void agent_deinit(struct agent *agent);

/* A host connected: hello is due at once, and nothing of before counts. */
void agent_connect(struct agent *agent, uint64_t now_ns);

/* The host or the port is gone; what was not sent is forgotten. */
void agent_disconnect(struct agent *agent);

/* Hello is due at once; until the host answers it, its samples do not count. */
void agent_doubt(struct agent *agent, uint64_t now_ns);

/* When agent_hello() is to be called; UINT64_MAX: not before something happens. */
uint64_t agent_deadline_ns(const struct agent *agent);

/* Queues a hello with this random nonce. -ENOMEM: try again later. */
int agent_hello(struct agent *agent, const struct uuid *nonce, uint64_t now_ns);

/*
 * Takes the host's bytes from *data (moves *data and *len on) up to the next event.
 * *ret_message is set for AGENT_WELCOME and AGENT_SAMPLE only.
 */
enum agent_event agent_feed(struct agent *agent, const char **data, size_t *len,
	uint64_t now_ns, struct message *ret_message);

/* The sample is stored and counts: queues its ack. */
void agent_accept(
	struct agent *agent, const struct message_sample *sample, uint64_t now_ns);

/* What is to be written to the port, valid until the next call; *ret_len may be 0. */
const char *agent_output(const struct agent *agent, size_t *ret_len);

/* The first n bytes of it are written. */
void agent_sent(struct agent *agent, size_t n);
