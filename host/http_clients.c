/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Places for clients. */
#include "host/http_clients.h"

#include <sys/socket.h>

void http_clients_init(struct http_clients *clients)
{
	clients->n = 0;
	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++)
		clients->places[i].fd = -1;
}

struct http_client *http_clients_add(
	struct http_clients *clients, int fd, uint64_t now_ns)
{
	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
		struct http_client *client = &clients->places[i];

		if (client->fd >= 0)
			continue;
		*client = (struct http_client){ .fd = fd, .since_ns = now_ns };
		clients->n++;
		return client;
	}
	return NULL;
}

void http_clients_remove(struct http_clients *clients, struct http_client *client)
{
	client->fd = -1;
	clients->n--;
}

void http_clients_sweep(struct http_clients *clients, uint64_t now_ns)
{
	struct http_client *oldest = NULL;

	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++) {
		struct http_client *client = &clients->places[i];

		if (client->fd < 0)
			continue;
		if (now_ns - client->since_ns > HTTP_CLIENTS_TIME_NS)
			shutdown(client->fd, SHUT_RDWR);
		if (!oldest || client->since_ns < oldest->since_ns)
			oldest = client;
	}
	/* Whoever just came is not the oldest of a crowd. */
	if (oldest && clients->n > HTTP_CLIENTS_CROWD)
		shutdown(oldest->fd, SHUT_RDWR);
}
