/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Who is connected to a server, and for how long each has been at its present request:
 * a client that sends or reads a byte now and then is silent to no timeout, and would
 * keep its place for good. One server thread's: no locks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HTTP_CLIENTS_MAX 128
/* From this many on, the one that takes longest has to go for each that comes. */
#define HTTP_CLIENTS_CROWD 96
/* Nobody needs longer for a request, from its first byte to the answer's last. */
#define HTTP_CLIENTS_TIME_NS (UINT64_C(30) * 1000000000)

struct http_client {
	int fd; /* the connection's; -1: a free place */
	uint64_t since_ns;
};

struct http_clients {
	size_t n;
	struct http_client places[HTTP_CLIENTS_MAX];
};

void http_clients_init(struct http_clients *clients);

/* One more, whose place is its own until http_clients_remove(). NULL: all are taken. */
struct http_client *http_clients_add(
	struct http_clients *clients, int fd, uint64_t now_ns);
void http_clients_remove(struct http_clients *clients, struct http_client *client);

/* Shuts the connections down that took too long, and one more where it is crowded. */
void http_clients_sweep(struct http_clients *clients, uint64_t now_ns);
