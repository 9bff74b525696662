/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The messages of the stream between hostd and the guest's agent, as structs and
 * as lines of JSON (shared/PROTOCOL.md). Pure. What is decoded comes from a
 * hostile peer: every field is checked, nothing is trusted for its length.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "shared/uuid.h"

#define MESSAGE_PROTO 1

/* Longest lines, without the newline; longer ones are discarded (shared/frame.h). */
#define MESSAGE_GUEST_LINE_MAX 1024
#define MESSAGE_HOST_LINE_MAX  16384
#define MESSAGE_DEPTH_MAX      4

/* Guest sockets, with a package and a dram zone each. */
#define MESSAGE_PACKAGES_MAX   16
#define MESSAGE_ZONES_MAX      (2 * MESSAGE_PACKAGES_MAX)
#define MESSAGE_ZONE_NAME_SIZE 16
/* At most 64 printable ASCII characters, and the NUL. */
#define MESSAGE_AGENT_SIZE 65
#define MESSAGE_NONCE_SIZE 65

enum message_type {
	MESSAGE_UNKNOWN, /* a well-formed object of a type of another version: ignore it
			  */
	MESSAGE_HELLO,
	MESSAGE_WELCOME,
	MESSAGE_SAMPLE,
	MESSAGE_ACK,
};

enum message_quality {
	MESSAGE_MEASURED,
	MESSAGE_ESTIMATED,
	MESSAGE_DEGRADED,
};

struct message_hello {
	uint32_t proto; /* highest the agent speaks; 0: none that is spoken today */
	char nonce[MESSAGE_NONCE_SIZE]; /* 1..64 printable ASCII characters */
	char agent[MESSAGE_AGENT_SIZE];
	struct uuid boot_id;
};

struct message_zone {
	char name[MESSAGE_ZONE_NAME_SIZE]; /* "package-N" or "dram" */
	uint64_t max_energy_range_uj;	   /* 2^20 .. 2^63 - 1 */
	int32_t parent; /* id of the package a dram zone is in; -1: none */
};

struct message_welcome {
	uint32_t proto;
	char nonce[MESSAGE_NONCE_SIZE];
	struct uuid epoch;
	bool from_start;	 /* the epoch is the first and only one of its QEMU */
	uint32_t period_ms;	 /* 100 .. 3600000 */
	uint32_t stale_after_ms; /* at least period_ms, at most 24 h */
	size_t n_zones;		 /* 1 .. MESSAGE_ZONES_MAX */
	struct message_zone zones[MESSAGE_ZONES_MAX]; /* index == id */
};

struct message_sample {
	uint64_t seq; /* 1 .. 2^53 - 1, from 1 after each welcome */
	uint64_t t_ns;
	enum message_quality quality;
	size_t n_zones;
	uint64_t uj[MESSAGE_ZONES_MAX];
};

struct message_ack {
	uint64_t seq;
};

struct message {
	enum message_type type;
	union {
		struct message_hello hello;
		struct message_welcome welcome;
		struct message_sample sample;
		struct message_ack ack;
	};
};

/*
 * Decodes one line (no newline). -EBADMSG: not a JSON object, nested deeper than
 * MESSAGE_DEPTH_MAX, no string "type", or a field that its type needs is missing,
 * of the wrong kind or out of range. -ENOMEM. Unknown fields are ignored. A
 * guest's zones form a tree of two levels: "package-N" with N counting from 0 in
 * order and no parent, "dram" with a package as its parent, at most one each.
 */
int message_decode(const char *line, size_t len, struct message *ret_message);

/*
 * Each writes one line, newline included and no NUL, and returns its length;
 * -ENOBUFS when it does not fit into size bytes, -ENOMEM.
 */
int message_encode_hello(const struct message_hello *hello, char *buffer, size_t size);
int message_encode_welcome(
	const struct message_welcome *welcome, char *buffer, size_t size);
/* These two allocate nothing. */
int message_encode_sample(const struct message_sample *sample, char *buffer, size_t size);
int message_encode_ack(const struct message_ack *ack, char *buffer, size_t size);

/* "measured", "estimated" or "degraded". */
const char *message_quality_name(enum message_quality quality);
