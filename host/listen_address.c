/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Addresses from text. */
#include "host/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "shared/number.h"

static int parse_unix(const char *path, struct listen_address *address)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= sizeof(address->path))
		return -EINVAL;
	memcpy(address->path, path, len + 1);
	address->kind = LISTEN_UNIX;
	return 0;
}

static int parse_ip(const char *text, uint16_t port, struct listen_address *address)
{
	size_t len = strlen(text);
	char inner[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET, text, &address->tcp.in.sin_addr) == 1) {
		address->tcp.in.sin_family = AF_INET;
		address->tcp.in.sin_port = htons(port);
		address->tcp_len = sizeof(address->tcp.in);
		return 0;
	}
	if (len < 3 || text[0] != '[' || text[len - 1] != ']' || len - 2 >= sizeof(inner))
		return -EINVAL;
	memcpy(inner, text + 1, len - 2);
	inner[len - 2] = '\0';
	if (inet_pton(AF_INET6, inner, &address->tcp.in6.sin6_addr) != 1)
		return -EINVAL;
	address->tcp.in6.sin6_family = AF_INET6;
	address->tcp.in6.sin6_port = htons(port);
	address->tcp_len = sizeof(address->tcp.in6);
	return 0;
}

static int parse_tcp(const char *text, struct listen_address *address)
{
	const char *colon = strrchr(text, ':');
	char ip[INET6_ADDRSTRLEN + 2];
	uint64_t port;

	if (!colon || (size_t)(colon - text) >= sizeof(ip) ||
		number_parse_range(colon + 1, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	memcpy(ip, text, (size_t)(colon - text));
	ip[colon - text] = '\0';
	address->kind = LISTEN_TCP;
	return parse_ip(ip, (uint16_t)port, address);
}

int listen_address_parse(const char *text, struct listen_address *ret_address)
{
	static const char prefix[] = "unix:";
	struct listen_address address = { .kind = LISTEN_NONE };
	int r = 0;

	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		r = parse_unix(text + sizeof(prefix) - 1, &address);
	else if (strcmp(text, "none") != 0)
		r = parse_tcp(text, &address);
	if (r == 0)
		*ret_address = address;
	return r;
}
