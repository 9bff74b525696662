/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Where to listen, as operators write it: ADDR:PORT, [ADDR]:PORT, unix:PATH, none. Pure.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

enum listen_kind {
	LISTEN_NONE,
	LISTEN_TCP,
	LISTEN_UNIX,
};

struct listen_address {
	enum listen_kind kind;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} tcp;
	socklen_t tcp_len;
	char path[108]; /* of LISTEN_UNIX; absolute */
};

/* What is expected, for messages. */
#define LISTEN_ADDRESS_EXPECTED                                                          \
	"ADDR:PORT with an IP address (IPv6 in brackets), unix:/PATH, or none"

/* Addresses only: names would have to be looked up. -EINVAL. */
int listen_address_parse(const char *text, struct listen_address *ret_address);
