/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Batches by HTTP POST, by libcurl. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/push_config.h"
#include "host/push_transport.h"
#include "shared/cleanup.h"
#include "shared/rooted.h"

/* Of a password or token, with the NUL. */
#define SECRET_SIZE 4096
/* So much of an answer goes to the log. */
#define ANSWER_SIZE 160

struct push_http {
	struct push_transport transport;
	const struct push_config *config;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	enum { HTTP_IDLE, HTTP_SENDING, HTTP_DONE } state;
	CURLcode code;
	unsigned int n_sent;	     /* how often libcurl sent the batch */
	char error[CURL_ERROR_SIZE]; /* "": code says enough */
	char answer[ANSWER_SIZE];    /* what the server said, as far as there is room */
	size_t answer_len;
};

static struct push_http *http_of(struct push_transport *transport)
{
	return (struct push_http *)transport;
}

static size_t take_answer(char *data, size_t size, size_t n, void *user)
{
	struct push_http *http = user;
	size_t room = sizeof(http->answer) - 1 - http->answer_len;
	size_t len = size * n < room ? size * n : room;

	memcpy(http->answer + http->answer_len, data, len);
	http->answer_len += len;
	http->answer[http->answer_len] = '\0';
	return size * n;
}

/*
 * Where a connection that was kept ends instead of an answer, libcurl makes another one
 * and sends again by itself.
 */
static int note_sent(CURL *easy, curl_infotype type, char *data, size_t size, void *user)
{
	static const char begin[] = "POST ";
	struct push_http *http = user;

	(void)easy;
	if (type == CURLINFO_HEADER_OUT && size >= sizeof(begin) - 1 &&
		memcmp(data, begin, sizeof(begin) - 1) == 0)
		http->n_sent++;
	return 0;
}

static int add_header(struct curl_slist **headers, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*headers, header);

	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

/* The first line of the file. */
static int read_secret(const char *path, char *secret, size_t size)
{
	ssize_t n = rooted_read("", secret, size, "%s", path);

	if (n < 0)
		return (int)n;
	secret[strcspn(secret, "\r\n")] = '\0';
	return secret[0] ? 0 : -ENODATA;
}

static int fail(struct push_http *http, const char *path, int r)
{
	snprintf(http->error, sizeof(http->error), "cannot read %s: %s", path,
		strerror(-r));
	return r;
}

/* Read each time: they may be replaced while the daemon runs. */
static int set_secrets(struct push_http *http, struct curl_slist **headers)
{
	const struct push_config *config = http->config;
	char secret[SECRET_SIZE], header[SECRET_SIZE + 64];
	int r = 0;

	if (config->user[0]) {
		r = read_secret(config->password_file, secret, sizeof(secret));
		if (r < 0)
			return fail(http, config->password_file, r);
		if (curl_easy_setopt(http->easy, CURLOPT_PASSWORD, secret) != CURLE_OK)
			r = -ENOMEM;
	} else if (config->token_file[0]) {
		r = read_secret(config->token_file, secret, sizeof(secret));
		if (r < 0)
			return fail(http, config->token_file, r);
		snprintf(header, sizeof(header), "%s%s", config->format->token_header,
			secret);
		r = add_header(headers, header);
		explicit_bzero(header, sizeof(header));
	}
	explicit_bzero(secret, sizeof(secret));
	return r;
}

static int set_headers(struct push_http *http)
{
	const struct push_format *format = http->config->format;
	struct curl_slist *headers = NULL;
	char type[128];
	int r;

	snprintf(type, sizeof(type), "Content-Type: %s", format->content_type);
	r = add_header(&headers, type);
	/* Or else large bodies wait a second for servers that do not know it. */
	if (r == 0)
		r = add_header(&headers, "Expect:");
	for (const char *const *at = format->headers; r == 0 && at && *at; at++)
		r = add_header(&headers, *at);
	if (r == 0)
		r = set_secrets(http, &headers);
	if (r < 0) {
		curl_slist_free_all(headers);
		return r;
	}
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
	curl_slist_free_all(http->headers);
	http->headers = headers;
	return 0;
}

static bool set_options(struct push_http *http)
{
	const struct push_config *config = http->config;
	CURL *easy = http->easy;

	if (curl_easy_setopt(easy, CURLOPT_URL, config->url) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_USERAGENT,
			"vmpower-hostd/" PACKAGE_VERSION) != CURLE_OK)
		return false;
	if (config->user[0] &&
		curl_easy_setopt(easy, CURLOPT_USERNAME, config->user) != CURLE_OK)
		return false;
	if (config->tls_ca[0] &&
		curl_easy_setopt(easy, CURLOPT_CAINFO, config->tls_ca) != CURLE_OK)
		return false;
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, config->timeout_s * 1000L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
	curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, note_sent);
	curl_easy_setopt(easy, CURLOPT_DEBUGDATA, http);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, &http->transport);
	return true;
}

static void push_http_close(struct push_transport *transport)
{
	struct push_http *http = http_of(transport);

	if (http->state == HTTP_SENDING)
		curl_multi_remove_handle(http->multi, http->easy);
	curl_easy_cleanup(http->easy);
	curl_slist_free_all(http->headers);
	free(http);
}

static int push_http_open(const struct push_config *config, CURLM *multi,
	struct push_transport **ret_transport)
{
	struct push_http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->transport.ops = &push_http_ops;
	http->config = config;
	http->multi = multi;
	http->easy = curl_easy_init();
	if (!http->easy || !set_options(http)) {
		push_http_close(&http->transport);
		return -ENOMEM;
	}
	*ret_transport = &http->transport;
	return 0;
}

static void push_http_send(
	struct push_transport *transport, const void *body, size_t size, bool again)
{
	struct push_http *http = http_of(transport);

	(void)again;
	http->error[0] = '\0';
	http->answer[0] = '\0';
	http->answer_len = 0;
	http->n_sent = 0;
	http->transport.done = false;
	http->code = CURLE_OUT_OF_MEMORY;
	http->state = HTTP_DONE;
	if (set_headers(http) < 0)
		return;
	curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
	if (curl_multi_add_handle(http->multi, http->easy) == CURLM_OK)
		http->state = HTTP_SENDING;
}

static uint32_t retry_after_s(CURL *easy)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK ||
		seconds < 0)
		return 0;
	return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

static bool push_http_work(
	struct push_transport *transport, struct push_answer *ret_answer)
{
	struct push_http *http = http_of(transport);
	struct push_answer answer = { 0 };
	long status = 0;

	if (http->state == HTTP_SENDING && http->transport.done) {
		curl_multi_remove_handle(http->multi, http->easy);
		http->code = http->transport.code;
		http->state = HTTP_DONE;
	}
	if (http->state != HTTP_DONE)
		return false;
	http->state = HTTP_IDLE;
	if (http->code == CURLE_OK) {
		curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
		answer.status = (unsigned int)status;
		answer.retry_after_s = retry_after_s(http->easy);
		http->answer[strcspn(http->answer, "\r\n")] = '\0';
		snprintf(answer.error, sizeof(answer.error), "HTTP %ld%s%s", status,
			http->answer[0] ? ": " : "", http->answer);
	} else {
		snprintf(answer.error, sizeof(answer.error), "%s",
			http->error[0] ? http->error : curl_easy_strerror(http->code));
	}
	answer.lost = http->n_sent > (status > 0 ? 1 : 0);
	*ret_answer = answer;
	return true;
}

const struct push_transport_ops push_http_ops = {
	.open = push_http_open,
	.send = push_http_send,
	.work = push_http_work,
	.close = push_http_close,
};
