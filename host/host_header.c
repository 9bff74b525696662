/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who is meant by Host. */
#include "host/host_header.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The longest name there is (RFC 1035), in text, with its last dot. */
#define NAME_MAX_LEN 254

static bool is_port(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return len > 0 && len <= 5 && !text[len];
}

/* Takes the port off, and the brackets off an address. */
static bool take_name(const char *host, char name[NAME_MAX_LEN + 1])
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	struct in6_addr address;
	size_t len;

	if (host[0] == '[') {
		if (!end || (end[1] && (end[1] != ':' || !is_port(end + 2))))
			return false;
		host++;
	} else {
		end = host + strcspn(host, ":");
		if (*end && !is_port(end + 1))
			return false;
	}
	len = (size_t)(end - host);
	if (len == 0 || len > NAME_MAX_LEN)
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	/* Only addresses are in brackets. */
	return *end != ']' || inet_pton(AF_INET6, name, &address) == 1;
}

static bool is_address(const char *name)
{
	struct in6_addr address;

	return inet_pton(AF_INET, name, &address) == 1 ||
	       inet_pton(AF_INET6, name, &address) == 1;
}

static bool is_in_list(const char *name, const char *names)
{
	size_t len = strlen(name);

	while (names && *names) {
		size_t blank = strspn(names, ", \t"), entry;

		names += blank;
		entry = strcspn(names, ", \t");
		if (entry == len && strncasecmp(names, name, len) == 0)
			return true;
		names += entry;
	}
	return false;
}

/* The whole hostname, or what is before its domain: others could own longer ones. */
static bool is_hostname(const char *name, const char *hostname)
{
	size_t len = strlen(name);

	return strcasecmp(name, hostname) == 0 ||
	       (len == strcspn(hostname, ".") && strncasecmp(name, hostname, len) == 0);
}

static bool is_localhost(const char *name)
{
	static const char localhost[] = "localhost";
	size_t len = strlen(name), want = sizeof(localhost) - 1;

	return len >= want && strcasecmp(name + len - want, localhost) == 0 &&
	       (len == want || name[len - want - 1] == '.');
}

bool host_header_is_ours(const char *host, const char *hostname, const char *names)
{
	char name[NAME_MAX_LEN + 1];
	size_t len;

	if (!take_name(host, name))
		return false;
	len = strlen(name);
	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
	return is_address(name) || is_localhost(name) || is_hostname(name, hostname) ||
	       is_in_list(name, names);
}
