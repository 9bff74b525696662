/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Carries Riemann's messages: one connection, kept between batches and made anew where it
 * ended; a message out, its answer in. libcurl looks up the name and connects, so that
 * nothing waits for that either; the bytes on the connection are ours.
 *
 * Riemann says that all went well or what did not, and not whether it ever will: it is
 * overload as well as a stream that fails at an event. So a message is tried again, but
 * not for ever, as others would never be told.
 */
#include "host/push_transport.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/push_config.h"
#include "host/riemann_answer.h"
#include "shared/clock.h"

#define ATTEMPTS_MAX 8

/* As HTTP has them, see push_format_judge(). */
#define STATUS_NONE    0
#define STATUS_OK      200
#define STATUS_NEVER   400
#define STATUS_TROUBLE 500

enum stage {
	STAGE_IDLE, /* no batch is on its way */
	STAGE_CONNECTING,
	STAGE_SENDING,
	STAGE_RECEIVING,
	STAGE_FAILED, /* with what is in error */
};

struct riemann {
	struct push_transport transport;
	const struct push_config *config;
	CURLM *multi;
	CURL *curl; /* of the connection, in multi; NULL: there is none */
	enum stage stage;
	const char *body;
	size_t size, sent;
	uint64_t deadline_ns;
	unsigned int n_refused; /* how often this message was */
	struct riemann_answer answer;
	char error[PUSH_ERROR_SIZE];
};

static struct riemann *riemann_of(struct push_transport *transport)
{
	return (struct riemann *)transport;
}

/* Closes the connection, whatever became of it so far. */
static void hang_up(struct riemann *riemann)
{
	if (!riemann->curl)
		return;
	curl_multi_remove_handle(riemann->multi, riemann->curl);
	curl_easy_cleanup(riemann->curl);
	riemann->curl = NULL;
}

static void fail(struct riemann *riemann, const char *why)
{
	hang_up(riemann);
	/* It may stand there already. */
	if (why != riemann->error)
		snprintf(riemann->error, sizeof(riemann->error), "%s", why);
	riemann->stage = STAGE_FAILED;
}

static void fail_curl(struct riemann *riemann, CURLcode code)
{
	fail(riemann, riemann->error[0] ? riemann->error : curl_easy_strerror(code));
}

/* libcurl is told that it is HTTP, which it does not get to speak. */
static CURL *make_connection(struct riemann *riemann)
{
	char url[PUSH_CONFIG_TEXT_SIZE + sizeof("http")];
	CURL *curl = curl_easy_init();

	static_assert(PUSH_ERROR_SIZE >= CURL_ERROR_SIZE, "as libcurl needs it");
	if (!curl)
		return NULL;
	snprintf(url, sizeof(url), "http%s", strchr(riemann->config->url, ':'));
	if (curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK) {
		curl_easy_cleanup(curl);
		return NULL;
	}
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(
		curl, CURLOPT_CONNECTTIMEOUT_MS, (long)riemann->config->timeout_s * 1000);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, riemann->error);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, &riemann->transport);
	return curl;
}

static void dial(struct riemann *riemann)
{
	riemann->transport.done = false;
	riemann->curl = make_connection(riemann);
	if (riemann->curl &&
		curl_multi_add_handle(riemann->multi, riemann->curl) == CURLM_OK)
		riemann->stage = STAGE_CONNECTING;
	else
		fail(riemann, strerror(ENOMEM));
}

/* There is nothing to be read, and there will be, unless it was closed. */
static bool is_up(struct riemann *riemann)
{
	char byte;
	size_t n;

	return riemann->curl &&
	       curl_easy_recv(riemann->curl, &byte, 1, &n) == CURLE_AGAIN;
}

static void riemann_send(
	struct push_transport *transport, const void *body, size_t size, bool again)
{
	struct riemann *riemann = riemann_of(transport);

	if (!again)
		riemann->n_refused = 0;
	riemann->body = body;
	riemann->size = size;
	riemann->sent = 0;
	riemann->answer.used = 0;
	riemann->error[0] = '\0';
	riemann->deadline_ns = clock_monotonic_ns() +
			       riemann->config->timeout_s * (uint64_t)NSEC_PER_SEC;
	if (is_up(riemann)) {
		riemann->stage = STAGE_SENDING;
	} else {
		hang_up(riemann);
		dial(riemann);
	}
}

static void connect_more(struct riemann *riemann)
{
	if (!riemann->transport.done)
		return;
	if (riemann->transport.code == CURLE_OK)
		riemann->stage = STAGE_SENDING;
	else
		fail_curl(riemann, riemann->transport.code);
}

static void send_more(struct riemann *riemann)
{
	while (riemann->sent < riemann->size) {
		size_t n = 0;
		CURLcode code = curl_easy_send(riemann->curl,
			riemann->body + riemann->sent, riemann->size - riemann->sent, &n);

		if (code == CURLE_AGAIN)
			return;
		if (code != CURLE_OK) {
			fail_curl(riemann, code);
			return;
		}
		riemann->sent += n;
	}
	riemann->stage = STAGE_RECEIVING;
}

/* Returns whether the answer is there. */
static bool receive_more(struct riemann *riemann)
{
	while (!riemann_answer_is_whole(&riemann->answer)) {
		size_t size, n = 0;
		char *room = riemann_answer_room(&riemann->answer, &size);
		CURLcode code = curl_easy_recv(riemann->curl, room, size, &n);

		if (code == CURLE_AGAIN)
			return false;
		if (code != CURLE_OK)
			fail_curl(riemann, code);
		else if (n == 0)
			fail(riemann, "it closed the connection instead of an answer");
		else if (riemann_answer_add(&riemann->answer, n) < 0)
			fail(riemann, "its answer is too long to be Riemann's");
		if (riemann->stage == STAGE_FAILED)
			return false;
	}
	return true;
}

static void judge(struct riemann *riemann, struct push_answer *ret_answer)
{
	static const char prefix[] = "not ok: ";
	const size_t len = sizeof(prefix) - 1;
	int r = riemann_answer_is_ok(&riemann->answer, ret_answer->error + len,
		sizeof(ret_answer->error) - len);

	if (r < 0) {
		fail(riemann, "its answer is not Riemann's");
		return;
	}
	memcpy(ret_answer->error, prefix, len);
	riemann->stage = STAGE_IDLE;
	if (r == 0 && ++riemann->n_refused < ATTEMPTS_MAX) {
		ret_answer->status = STATUS_TROUBLE;
		return;
	}
	ret_answer->status = r == 0 ? STATUS_NEVER : STATUS_OK;
}

static bool riemann_work(struct push_transport *transport, struct push_answer *ret_answer)
{
	struct riemann *riemann = riemann_of(transport);
	struct push_answer answer = { .status = STATUS_NONE };

	if (riemann->stage == STAGE_CONNECTING)
		connect_more(riemann);
	if (riemann->stage == STAGE_SENDING)
		send_more(riemann);
	if (riemann->stage == STAGE_RECEIVING && receive_more(riemann))
		judge(riemann, &answer);
	if (riemann->stage != STAGE_IDLE && riemann->stage != STAGE_FAILED &&
		clock_monotonic_ns() >= riemann->deadline_ns)
		fail(riemann, "it took too long");
	if (riemann->stage == STAGE_FAILED) {
		memcpy(answer.error, riemann->error, sizeof(answer.error));
		answer.lost = riemann->sent == riemann->size;
		riemann->stage = STAGE_IDLE;
	}
	if (riemann->stage != STAGE_IDLE)
		return false;
	*ret_answer = answer;
	return true;
}

static bool riemann_wait(struct push_transport *transport, struct curl_waitfd *ret_wait)
{
	struct riemann *riemann = riemann_of(transport);
	curl_socket_t fd;

	if (riemann->stage != STAGE_SENDING && riemann->stage != STAGE_RECEIVING)
		return false;
	if (curl_easy_getinfo(riemann->curl, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK)
		return false;
	*ret_wait = (struct curl_waitfd){ .fd = fd,
		.events = riemann->stage == STAGE_SENDING ? CURL_WAIT_POLLOUT
							  : CURL_WAIT_POLLIN };
	return true;
}

static void riemann_close(struct push_transport *transport)
{
	struct riemann *riemann = riemann_of(transport);

	hang_up(riemann);
	free(riemann);
}

static int riemann_open(const struct push_config *config, CURLM *multi,
	struct push_transport **ret_transport)
{
	struct riemann *riemann = calloc(1, sizeof(*riemann));

	if (!riemann)
		return -ENOMEM;
	riemann->transport.ops = &push_riemann_ops;
	riemann->config = config;
	riemann->multi = multi;
	*ret_transport = &riemann->transport;
	return 0;
}

const struct push_transport_ops push_riemann_ops = { riemann_open, riemann_send,
	riemann_wait, riemann_work, riemann_close };
