/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Ticks that are asked for: over a real socket, from many threads, and at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/client.h"
#include "host/http.h"
#include "host/http_listen.h"
#include "host/tick_request.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"

#define ASKERS 8
#define TICKS  10

struct fixture {
	char dir[64], path[80];
	int fd, tcp_fd;
	uint16_t port;
	struct snapshot_box box;
	struct event_base *base;
	struct tick_requests *requests;
	struct http *http, *tcp;
	pthread_t loop;
	/* The loop's: */
	uint64_t number, last_ns;
	uint64_t cost_ns; /* of a tick, as is told */
	uint64_t spacing_min_ns;
	int error;	  /* of each tick */
	atomic_bool held; /* ticks are left to a later one */
};

static void measure(void *data)
{
	struct fixture *fixture = data;
	uint64_t now_ns = clock_monotonic_ns();
	struct snapshot *snapshot;

	if (fixture->held)
		return;
	if (fixture->last_ns > 0 && now_ns - fixture->last_ns < fixture->spacing_min_ns)
		fixture->spacing_min_ns = now_ns - fixture->last_ns;
	tick_requests_begin(fixture->requests);
	snapshot = fake_snapshot_new();
	snapshot->number = ++fixture->number;
	snapshot_box_publish(&fixture->box, snapshot, false);
	fixture->last_ns = clock_monotonic_ns();
	tick_requests_end(
		fixture->requests, fixture->error, fixture->number, fixture->cost_ns);
}

static void *run_loop(void *data)
{
	event_base_loop(((struct fixture *)data)->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void start_servers(struct fixture *fixture)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	struct http_config config = {
		.box = &fixture->box,
		.ticks = fixture->requests,
		.trusted = true,
		.metrics = { .node_name = "hv1" },
	};

	assert_int_equal(
		http_listen_unix(fixture->path, "no-such-group", &fixture->fd), 0);
	config.listen_fd = fixture->fd;
	assert_int_equal(http_start(&config, &fixture->http), 0);
	assert_int_equal(http_listen_tcp((struct sockaddr *)&address, sizeof(address),
				 &fixture->tcp_fd),
		0);
	assert_int_equal(
		getsockname(fixture->tcp_fd, (struct sockaddr *)&address, &len), 0);
	fixture->port = ntohs(address.sin_port);
	config.listen_fd = fixture->tcp_fd;
	config.trusted = false;
	config.ticks = NULL;
	assert_int_equal(http_start(&config, &fixture->tcp), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/test_http_tick.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/hostd.sock", fixture->dir);
	fixture->spacing_min_ns = UINT64_MAX;
	snapshot_box_init(&fixture->box);
	fixture->base = event_base_new();
	assert_int_equal(
		tick_requests_new(fixture->base, measure, fixture, &fixture->requests),
		0);
	start_servers(fixture);
	*state = fixture;
	return 0;
}

static void start_loop(struct fixture *fixture)
{
	assert_int_equal(pthread_create(&fixture->loop, NULL, run_loop, fixture), 0);
}

/* The loop as hostd ends it: by what is read from a descriptor. */
static void on_end(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(data);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	tick_requests_stop(fixture->requests);
	http_stop(fixture->http);
	http_stop(fixture->tcp);
	tick_requests_free(fixture->requests);
	event_base_free(fixture->base);
	close(fixture->fd);
	close(fixture->tcp_fd);
	snapshot_box_deinit(&fixture->box);
	unlink(fixture->path);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static void cleanup_clientp(struct client **client)
{
	client_free(*client);
}

/* NULL: all is well. */
static void *ask(void *data)
{
	cleanup(cleanup_clientp) struct client *client = NULL;
	struct fixture *fixture = data;
	char error[CLIENT_ERROR_SIZE];
	uint64_t last = 0, number;

	if (client_new(fixture->path, NULL, NULL, &client) < 0)
		return fixture;
	for (int i = 0; i < TICKS; i++) {
		struct snapshot *snapshot = NULL;

		if (client_request_tick(client, &number, error) < 0 || number <= last ||
			client_get_host(fixture->path, &snapshot, error) < 0)
			return fixture;
		/* What is read after the answer is that tick, or later. */
		last = snapshot->number;
		snapshot_unref(snapshot);
		if (last < number)
			return fixture;
	}
	return NULL;
}

static void ask_all(struct fixture *fixture)
{
	int end[2];
	struct event *event;
	pthread_t threads[ASKERS];

	assert_int_equal(pipe(end), 0);
	event = event_new(fixture->base, end[0], EV_READ, on_end, fixture->base);
	event_add(event, NULL);
	start_loop(fixture);
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, fixture), 0);
	for (size_t i = 0; i < ASKERS; i++) {
		void *fault;

		pthread_join(threads[i], &fault);
		assert_null(fault);
	}
	assert_int_equal(write(end[1], "", 1), 1);
	pthread_join(fixture->loop, NULL);
	event_free(event);
	close(end[0]);
	close(end[1]);
}

/* Each gets a tick that began after it asked; one tick is for all that wait. */
static void test_many_ask(void **state)
{
	struct fixture *fixture = *state;

	ask_all(fixture);
	assert_in_range(fixture->number, TICKS, ASKERS * TICKS);
	assert_true(fixture->spacing_min_ns >= TICK_REQUEST_SPACING_MIN_NS);
}

static void test_costly_ticks_are_rare(void **state)
{
	struct fixture *fixture = *state;

	fixture->cost_ns = 2 * TICK_REQUEST_SPACING_MIN_NS;
	ask_all(fixture);
	assert_true(
		fixture->spacing_min_ns >= TICK_REQUEST_SPACING_COSTS * fixture->cost_ns);
}

static size_t talk(int fd, const char *request, char *answer, size_t size)
{
	size_t used = 0;
	ssize_t n;

	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	while ((n = read(fd, answer + used, size - 1 - used)) > 0)
		used += (size_t)n;
	answer[used] = '\0';
	close(fd);
	return used;
}

static int connect_tcp(const struct fixture *fixture)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(fixture->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Not over TCP, and not by reading. */
static void test_who_may(void **state)
{
	struct fixture *fixture = *state;
	char answer[4096];

	talk(connect_tcp(fixture), "POST /api/v1/tick HTTP/1.0\r\n\r\n", answer,
		sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 405", 12);
	talk(connect_tcp(fixture), "GET /api/v1/tick HTTP/1.0\r\n\r\n", answer,
		sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 404", 12);
	assert_int_equal(fixture->number, 0);
}

struct waiter {
	struct tick_request request;
	int error;
	uint64_t number;
	unsigned int n;
};

static void done(struct tick_request *request, int error, uint64_t number)
{
	struct waiter *waiter = (struct waiter *)request;

	waiter->error = error;
	waiter->number = number;
	waiter->n++;
}

static void turn(const struct fixture *fixture)
{
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
}

/* The timer's tick is for those that wait, too; what fails, fails for them. */
static void test_other_ticks_serve(void **state)
{
	struct waiter one = { .request.done = done }, two = one, three = one;
	struct fixture *fixture = *state;

	fixture->held = true;
	assert_int_equal(tick_requests_submit(fixture->requests, &one.request), 0);
	assert_int_equal(tick_requests_submit(fixture->requests, &three.request), 0);
	turn(fixture);
	assert_int_equal(one.n, 0);
	fixture->held = false;
	measure(fixture);
	assert_int_equal(one.n, 1);
	assert_int_equal(one.error, 0);
	assert_int_equal(one.number, 1);
	assert_int_equal(three.number, 1);
	/* Nobody waits any more: no tick comes of it. */
	turn(fixture);
	assert_int_equal(fixture->number, 1);

	fixture->error = -EIO;
	assert_int_equal(tick_requests_submit(fixture->requests, &two.request), 0);
	while (two.n == 0)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	assert_int_equal(two.error, -EIO);
	assert_int_equal(one.n, 1);
}

/* One that comes while a tick is measured is for the next one. */
static void test_too_late(void **state)
{
	struct waiter one = { .request.done = done }, two = one;
	struct fixture *fixture = *state;

	assert_int_equal(tick_requests_submit(fixture->requests, &one.request), 0);
	tick_requests_begin(fixture->requests);
	assert_int_equal(tick_requests_submit(fixture->requests, &two.request), 0);
	tick_requests_end(fixture->requests, 0, 41, 0);
	assert_int_equal(one.number, 41);
	assert_int_equal(two.n, 0);
	while (two.n == 0)
		event_base_loop(fixture->base, EVLOOP_ONCE);
	assert_int_equal(two.number, 1);
	assert_int_equal(one.n, 1);
}

static void test_the_end(void **state)
{
	struct waiter one = { .request.done = done }, two = one;
	struct fixture *fixture = *state;

	assert_int_equal(tick_requests_submit(fixture->requests, &one.request), 0);
	assert_int_equal(tick_requests_submit(fixture->requests, &two.request), 0);
	tick_requests_stop(fixture->requests);
	assert_int_equal(one.n, 1);
	assert_int_equal(one.error, -ESHUTDOWN);
	assert_int_equal(two.error, -ESHUTDOWN);
	assert_int_equal(
		tick_requests_submit(fixture->requests, &one.request), -ESHUTDOWN);
	assert_int_equal(one.n, 1);
}

static void *ask_once(void *data)
{
	cleanup(cleanup_clientp) struct client *client = NULL;
	const struct fixture *fixture = data;
	char error[CLIENT_ERROR_SIZE];
	uint64_t number;

	if (client_new(fixture->path, NULL, NULL, &client) < 0)
		return NULL;
	return (void *)(intptr_t)client_request_tick(client, &number, error);
}

/* A connection that rests does not hold up the server's end. */
static void test_stop_while_one_rests(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, ask_once, fixture), 0);
	/* Its request is there. */
	fixture->held = true;
	event_base_loop(fixture->base, EVLOOP_ONCE);
	tick_requests_stop(fixture->requests);
	pthread_join(thread, &result);
	assert_int_equal((int)(intptr_t)result, -EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_many_ask),
		TEST(test_costly_ticks_are_rare),
		TEST(test_who_may),
		TEST(test_other_ticks_serve),
		TEST(test_too_late),
		TEST(test_the_end),
		TEST(test_stop_while_one_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
