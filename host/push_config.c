/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The keys of [push "NAME"]. */
#include "host/push_config.h"

#include <errno.h>
#include <string.h>

#include "shared/number.h"

#define INTERVAL_MAX_MS 3600000

struct key {
	const char *name;
	enum { KEY_TEXT, KEY_PATH, KEY_NUMBER } kind;
	size_t offset; /* in struct push_config */
	uint32_t min, max;
	const char *expected;
};

#define PATH_EXPECTED "an absolute path"

static const struct key keys[] = {
	{ "interval_ms", KEY_NUMBER, offsetof(struct push_config, interval_ms), 100,
		INTERVAL_MAX_MS, "100..3600000" },
	{ "sample_ms", KEY_NUMBER, offsetof(struct push_config, sample_ms), 0,
		INTERVAL_MAX_MS, "0..3600000" },
	{ "batch_ticks", KEY_NUMBER, offsetof(struct push_config, batch_ticks), 1, 10000,
		"1..10000" },
	{ "queue_mib", KEY_NUMBER, offsetof(struct push_config, queue_mib), 1, 65536,
		"1..65536" },
	{ "timeout_s", KEY_NUMBER, offsetof(struct push_config, timeout_s), 1, 600,
		"1..600" },
	{ "retry_max_s", KEY_NUMBER, offsetof(struct push_config, retry_max_s), 1, 3600,
		"1..3600" },
	{ "tls_ca", KEY_PATH, offsetof(struct push_config, tls_ca), 0, 0, PATH_EXPECTED },
	{ "user", KEY_TEXT, offsetof(struct push_config, user), 0, 0, "a name" },
	{ "password_file", KEY_PATH, offsetof(struct push_config, password_file), 0, 0,
		PATH_EXPECTED },
	{ "token_file", KEY_PATH, offsetof(struct push_config, token_file), 0, 0,
		PATH_EXPECTED },
	{ "url", KEY_TEXT, offsetof(struct push_config, url), 0, 0, "a URL" },
};

void push_config_init(struct push_config *config)
{
	*config = (struct push_config){
		.interval_ms = 10000,
		.batch_ticks = 60,
		.queue_mib = 64,
		.timeout_s = 30,
		.retry_max_s = 60,
	};
}

static int set_key(struct push_config *config, const struct key *key, const char *value)
{
	void *to = (char *)config + key->offset;
	size_t len = strlen(value);
	uint64_t number;
	int r;

	if (key->kind == KEY_NUMBER) {
		r = number_parse_range(value, key->min, key->max, &number);
		if (r == 0)
			*(uint32_t *)to = (uint32_t)number;
		return r;
	}
	if (len == 0 || len >= PUSH_CONFIG_TEXT_SIZE ||
		(key->kind == KEY_PATH && value[0] != '/'))
		return -EINVAL;
	memcpy(to, value, len + 1);
	return 0;
}

/* "rack=a1, site=x" */
static int set_labels(char labels[LABELS_SIZE], const char *value)
{
	char pair[PUSH_CONFIG_TEXT_SIZE];

	for (const char *at = value + strspn(value, ", "); *at; at += strspn(at, ", ")) {
		size_t len = strcspn(at, ",");
		char *equals;
		int r;

		if (len >= sizeof(pair))
			return -EINVAL;
		memcpy(pair, at, len);
		pair[len] = '\0';
		equals = strchr(pair, '=');
		if (!equals)
			return -EINVAL;
		*equals = '\0';
		r = labels_set(labels, pair, equals + 1);
		if (r < 0)
			return r;
		at += len;
	}
	return 0;
}

int push_config_set(struct push_config *config, const char *key, const char *value,
	const char **ret_expected)
{
	if (strcmp(key, "format") == 0) {
		*ret_expected = PUSH_FORMAT_NAMES;
		config->format = push_format_find(value);
		return config->format ? 0 : -EINVAL;
	}
	if (strcmp(key, "labels") == 0) {
		*ret_expected = "KEY=VALUE, with commas between several";
		return set_labels(config->labels, value);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].name) != 0)
			continue;
		*ret_expected = keys[i].expected;
		return set_key(config, &keys[i], value);
	}
	return -ENOENT;
}

static bool is_http(const char *url)
{
	return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/* tcp://HOST:PORT, or tcp://[ADDRESS]:PORT, and nothing behind it. */
static bool is_tcp(const char *url)
{
	const char *host = url + strlen("tcp://"), *port;
	bool bracket;
	uint64_t number;

	if (strncmp(url, "tcp://", strlen("tcp://")) != 0)
		return false;
	bracket = host[0] == '[';
	port = strrchr(host, ':');
	if (!port || port == host || strpbrk(host, "/?#@\\ "))
		return false;
	if (bracket != (port[-1] == ']') || (!bracket && port != strchr(host, ':')))
		return false;
	return number_parse_range(port + 1, 1, UINT16_MAX, &number) == 0;
}

/* What Riemann has no place for. */
static bool has_secrets(const struct push_config *config)
{
	return config->user[0] || config->password_file[0] || config->token_file[0] ||
	       config->tls_ca[0];
}

static const char *riemann_problem(const struct push_config *config)
{
	if (!is_tcp(config->url))
		return "url must be tcp://HOST:PORT for Riemann";
	if (has_secrets(config))
		return "user, password_file, token_file and tls_ca are not for Riemann";
	return NULL;
}

const char *push_config_problem(const struct push_config *config)
{
	if (!config->format)
		return "format is needed: " PUSH_FORMAT_NAMES;
	if (!config->url[0])
		return "url is needed";
	if (config->format->carrier == PUSH_CARRIER_HTTP && !is_http(config->url))
		return "url must begin with http:// or https://";
	if (!config->user[0] != !config->password_file[0])
		return "user and password_file are needed both";
	if (config->user[0] && config->token_file[0])
		return "either user and password_file or token_file, not both";
	if (config->format->carrier == PUSH_CARRIER_RIEMANN)
		return riemann_problem(config);
	return NULL;
}
