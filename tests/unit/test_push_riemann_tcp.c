/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Messages on a real connection, to a server that is the test itself. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/push_config.h"
#include "host/push_transport.h"
#include "shared/clock.h"

static const char ok[] = "\0\0\0\x02\x10\x01";
static const char refused[] = "\0\0\0\x06\x10\x00\x1a\x02no";

/* A target, and the server it is to reach. */
struct wire {
	struct push_config config;
	CURLM *multi;
	struct push_transport *transport;
	int listener, connection;
};

static int setup(void **state)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	assert_non_null(wire);
	wire->connection = -1;
	wire->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(wire->listener >= 0);
	assert_int_equal(
		bind(wire->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(wire->listener, 5), 0);
	assert_int_equal(
		getsockname(wire->listener, (struct sockaddr *)&address, &len), 0);
	push_config_init(&wire->config);
	wire->config.timeout_s = 600;
	snprintf(wire->config.url, sizeof(wire->config.url), "tcp://127.0.0.1:%u",
		(unsigned int)ntohs(address.sin_port));
	wire->multi = curl_multi_init();
	assert_int_equal(
		push_riemann_ops.open(&wire->config, wire->multi, &wire->transport), 0);
	*state = wire;
	return 0;
}

static void hang_up(struct wire *wire)
{
	close(wire->connection);
	wire->connection = -1;
}

static int teardown(void **state)
{
	struct wire *wire = *state;

	wire->transport->ops->close(wire->transport);
	curl_multi_cleanup(wire->multi);
	if (wire->connection >= 0)
		hang_up(wire);
	if (wire->listener >= 0)
		close(wire->listener);
	free(wire);
	return 0;
}

/* As the push thread does it; false: it would wait now, and waited a moment. */
static bool step(struct wire *wire, struct push_answer *ret_answer)
{
	struct curl_waitfd wait;
	const CURLMsg *message;
	unsigned int n_waits;
	int n;

	curl_multi_perform(wire->multi, &n);
	while ((message = curl_multi_info_read(wire->multi, &n))) {
		wire->transport->done = true;
		wire->transport->code = message->data.result;
	}
	if (wire->transport->ops->work(wire->transport, ret_answer))
		return true;
	n_waits = wire->transport->ops->wait(wire->transport, &wait);
	curl_multi_poll(wire->multi, &wait, n_waits, 20, NULL);
	return false;
}

static void finish(struct wire *wire, struct push_answer *ret_answer)
{
	uint64_t end_ns = clock_monotonic_ns() + 60 * (uint64_t)NSEC_PER_SEC;

	while (!step(wire, ret_answer))
		assert_true(clock_monotonic_ns() < end_ns);
}

static void send_body(struct wire *wire, const char *body)
{
	wire->transport->ops->send(wire->transport, body, strlen(body), false);
}

/* The server's part: it takes the connection, if it has none, and the whole body. */
static void take(struct wire *wire, const char *body)
{
	struct push_answer answer;
	size_t got = 0;
	char bytes[256];

	while (got < strlen(body)) {
		ssize_t n;

		assert_false(step(wire, &answer));
		if (wire->connection < 0) {
			wire->connection = accept4(
				wire->listener, NULL, NULL, SOCK_CLOEXEC);
			continue;
		}
		n = recv(
			wire->connection, bytes + got, sizeof(bytes) - got, MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, strlen(body));
	assert_memory_equal(bytes, body, got);
}

static void answer_with(struct wire *wire, const char *bytes, size_t len)
{
	assert_int_equal(write(wire->connection, bytes, len), len);
}

/* From the first byte to the answer. */
static void deliver(struct wire *wire, const char *body)
{
	struct push_answer answer;

	send_body(wire, body);
	take(wire, body);
	answer_with(wire, ok, sizeof(ok) - 1);
	finish(wire, &answer);
	assert_int_equal(answer.status, 200);
}

static void test_delivers(void **state)
{
	struct wire *wire = *state;
	struct push_answer answer;
	int first;

	deliver(wire, "one");
	first = wire->connection;
	/* On the same connection, and the answer in pieces. */
	send_body(wire, "two");
	take(wire, "two");
	assert_int_equal(wire->connection, first);
	for (size_t i = 0; i < sizeof(ok) - 1; i++) {
		assert_false(step(wire, &answer));
		answer_with(wire, ok + i, 1);
	}
	finish(wire, &answer);
	assert_int_equal(answer.status, 200);
}

/* The other end knows when this returns. */
static void hang_up_for_sure(struct wire *wire)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	assert_int_equal(shutdown(wire->connection, SHUT_WR), 0);
	while (info.tcpi_state != TCP_FIN_WAIT2)
		assert_int_equal(
			getsockopt(wire->connection, IPPROTO_TCP, TCP_INFO, &info, &len),
			0);
	hang_up(wire);
}

/* A connection that ended meanwhile is no failure. */
static void test_reconnects(void **state)
{
	struct wire *wire = *state;

	for (int i = 0; i < 3; i++) {
		deliver(wire, "again");
		hang_up_for_sure(wire);
	}
}

/* It may be overload, which ends; or what never will be taken. */
static void test_refused(void **state)
{
	struct wire *wire = *state;
	struct push_answer answer;

	for (int i = 1; i <= 25; i++) {
		/* The fifth time it is taken; of the third message it is given up before
		 * the count is full. */
		const char *say = i == 5 ? ok : refused;
		size_t len = i == 5 ? sizeof(ok) - 1 : sizeof(refused) - 1;
		bool again = i != 1 && i != 6 && i != 14 && i != 18;

		wire->transport->ops->send(wire->transport, "message", 7, again);
		take(wire, "message");
		answer_with(wire, say, len);
		finish(wire, &answer);
		assert_int_equal(answer.status, i == 5		     ? 200
						: i == 13 || i == 25 ? 400
								     : 500);
		assert_false(answer.lost);
		if (i != 5)
			assert_string_equal(answer.error, "not ok: no");
	}
}

/* lost: the whole body was sent. */
static void assert_fails(struct wire *wire, const char *error, bool lost)
{
	struct push_answer answer;

	finish(wire, &answer);
	assert_int_equal(answer.status, 0);
	assert_int_equal(answer.lost, lost);
	assert_non_null(strstr(answer.error, error));
}

/* Each leaves a connection that nobody trusts any more. */
static void test_bad_answers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *error;
	} cases[] = {
		{ "", 0, "it closed the connection instead of an answer" },
		{ "\0\0\0\x02\x10", 5, "it closed the connection instead of an answer" },
		{ "HTTP/1.1 400", 12, "its answer is too long to be Riemann's" },
		{ "\0\0\0\x01\x10", 5, "its answer is not Riemann's" },
	};
	struct wire *wire = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		send_body(wire, "body");
		take(wire, "body");
		answer_with(wire, cases[i].bytes, cases[i].len);
		shutdown(wire->connection, SHUT_WR);
		assert_fails(wire, cases[i].error, true);
		hang_up(wire);
	}
	send_body(wire, "body");
	take(wire, "body");
}

static void test_nobody_there(void **state)
{
	struct wire *wire = *state;

	close(wire->listener);
	wire->listener = -1;
	send_body(wire, "body");
	assert_fails(wire, "", false);
}

/* Whatever was sent, nothing more comes: the other end closed the connection. */
static void assert_closed(struct wire *wire)
{
	static const struct timeval patience = { .tv_sec = 60 };
	char bytes[65536];
	ssize_t n;

	assert_int_equal(setsockopt(wire->connection, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience)),
		0);
	do {
		n = recv(wire->connection, bytes, sizeof(bytes), 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	assert_true(n == 0 || errno == ECONNRESET);
	hang_up(wire);
}

/*
 * A body that does not fit into the socket, and an answer: nobody reads. The connection
 * is there before, as it has to be there in the same time.
 */
static void test_too_slow(void **state)
{
	static char large[64 << 20];
	const char *const bodies[] = { large, "body" };
	struct wire *wire = *state;

	memset(large, 'x', sizeof(large) - 1);
	for (size_t i = 0; i < 2; i++) {
		wire->config.timeout_s = 600;
		deliver(wire, "in time");
		wire->config.timeout_s = 1;
		send_body(wire, bodies[i]);
		assert_fails(wire, "it took too long", bodies[i] != large);
		assert_closed(wire);
	}
}

/* In the middle of a message, at each stage; the rest is the sanitizers'. */
static void test_close(void **state)
{
	struct wire *wire = *state;

	send_body(wire, "body");
	wire->transport->ops->close(wire->transport);
	assert_int_equal(
		push_riemann_ops.open(&wire->config, wire->multi, &wire->transport), 0);
	send_body(wire, "body");
	take(wire, "body");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delivers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconnects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
