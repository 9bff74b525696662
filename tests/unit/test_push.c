/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The push thread, and a server that answers as it is told to. */
#include "config.h" /* first: _GNU_SOURCE */

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include <microhttpd.h>

#include "host/push.h"
#include "shared/clock.h"

#define WAIT_MS 60000

/* In a script, instead of a status: the connection ends without an answer. */
#define HANG_UP 1

struct server {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	/* Under the lock: */
	const unsigned int *script; /* statuses, one each; 0 ends them: then 204 */
	char taken[4096];	    /* numbers of ticks that came with 204 */
	char authorization[256];    /* of the last */
};

/* What is asked for, up to its end. */
struct request {
	size_t used;
	char body[65536];
};

/* Each line begins with {"tick":"N". */
static void note_ticks(struct server *server, const char *body)
{
	static const char begin[] = "{\"tick\":\"";

	for (const char *at = strstr(body, begin); at; at = strstr(at + 1, begin)) {
		size_t used = strlen(server->taken);

		snprintf(server->taken + used, sizeof(server->taken) - used, "%lu ",
			strtoul(at + strlen(begin), NULL, 10));
	}
}

static unsigned int judge(struct server *server, const char *header, const char *body)
{
	unsigned int status;

	pthread_mutex_lock(&server->lock);
	status = *server->script ? *server->script++ : 204;
	snprintf(server->authorization, sizeof(server->authorization), "%s",
		header ? header : "");
	if (status == 204)
		note_ticks(server, body);
	pthread_mutex_unlock(&server->lock);
	return status;
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection,
	const char *url, const char *method, const char *version, const char *upload,
	size_t *upload_size, void **state)
{
	struct request *request = *state;
	struct MHD_Response *response;
	unsigned int status;
	enum MHD_Result r;

	(void)url;
	(void)version;
	if (!request) {
		*state = calloc(1, sizeof(*request));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*upload_size > 0) {
		if (request->used + *upload_size >= sizeof(request->body))
			return MHD_NO;
		memcpy(request->body + request->used, upload, *upload_size);
		request->used += *upload_size;
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "POST") != 0)
		return MHD_NO;
	status = judge(user,
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"),
		request->body);
	if (status == HANG_UP)
		return MHD_NO;
	response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

static void forget(void *user, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	(void)user;
	(void)connection;
	(void)code;
	free(*state);
}

/* At a port of its own. */
static unsigned int server_start(struct server *server, const unsigned int *script)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const union MHD_DaemonInfo *info;

	*server = (struct server){ .script = script };
	pthread_mutex_init(&server->lock, NULL);
	server->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL,
		handle, server, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
	assert_non_null(server->daemon);
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
	assert_non_null(info);
	return info->port;
}

static void server_stop(struct server *server)
{
	MHD_stop_daemon(server->daemon);
	pthread_mutex_destroy(&server->lock);
}

static struct push_config make_config(const char *name, unsigned int port)
{
	struct push_config config;

	push_config_init(&config);
	snprintf(config.name, sizeof(config.name), "%s", name);
	snprintf(config.url, sizeof(config.url), "http://127.0.0.1:%u/", port);
	config.format = &push_format_ndjson;
	config.interval_ms = 100;
	config.batch_ticks = 1;
	config.retry_max_s = 1;
	config.timeout_s = 600;
	return config;
}

static struct push *start(const struct push_config *configs, size_t n)
{
	const struct metrics_options options = { 0 };
	struct push *push;

	assert_int_equal(push_start(configs, n, &options, &push), 0);
	return push;
}

static void offer(struct push *push, uint64_t number)
{
	struct snapshot *snapshot = snapshot_new(0, 0);

	assert_non_null(snapshot);
	snapshot->number = number;
	snapshot->source = "powercap";
	push_offer(push, snapshot);
	snapshot_unref(snapshot);
}

/* Of target i, once so many of its ticks are told or dropped and it failed so often. */
static struct snapshot_push await(
	struct push *push, size_t i, uint64_t n_over, uint64_t n_failures)
{
	uint64_t end_ns = clock_monotonic_ns() + WAIT_MS * (uint64_t)NSEC_PER_MSEC;

	for (;;) {
		struct snapshot *snapshot = snapshot_new(0, 0);
		struct snapshot_push stats;

		assert_non_null(snapshot);
		assert_int_equal(push_describe(push, snapshot), 0);
		assert_true(i < snapshot->n_pushes);
		stats = snapshot->pushes[i];
		snapshot_unref(snapshot);
		if (stats.delivered_ticks + stats.refused_ticks + stats.unclear_ticks +
					stats.full_ticks >=
				n_over &&
			stats.failures >= n_failures)
			return stats;
		assert_true(clock_monotonic_ns() < end_ns);
		usleep(5000);
	}
}

/* Five ticks for a target that answers so; what became of them. */
static struct snapshot_push push_five(
	struct server *server, const unsigned int *script, uint64_t n_failures)
{
	struct push_config config = make_config("a", server_start(server, script));
	struct push *push = start(&config, 1);
	struct snapshot_push stats;

	for (uint64_t i = 1; i <= 5; i++)
		offer(push, i);
	stats = await(push, 0, 5, n_failures);
	assert_string_equal(stats.name, "a");
	push_stop(push);
	server_stop(server);
	return stats;
}

static void test_answers(void **state)
{
	static const unsigned int script[] = { 204, 503, 204, 400, 429, 404, 204, 0 };
	struct server server;
	struct snapshot_push stats = push_five(&server, script, 4);

	(void)state;
	assert_int_equal(stats.delivered_ticks, 4);
	assert_int_equal(stats.refused_ticks, 1);
	assert_int_equal(stats.failures, 4);
	assert_int_equal(stats.full_ticks + stats.memory_ticks + stats.waiting_ticks, 0);
	assert_true(stats.delivered_ns > 0);
	assert_string_equal(server.taken, "1 2 4 5 ");
	assert_string_equal(server.authorization, "");
}

/* Where an answer is lost, that of a fresh connection or of one that was kept, what is
 * refused then may have been taken. */
static void test_lost_answers(void **state)
{
	static const unsigned int script[] = { HANG_UP, 400, 204, HANG_UP, 400, 400, 204,
		0 };
	struct server server;
	struct snapshot_push stats = push_five(&server, script, 4);

	(void)state;
	assert_int_equal(stats.delivered_ticks, 2);
	assert_int_equal(stats.unclear_ticks, 2);
	assert_int_equal(stats.refused_ticks, 1);
	assert_string_equal(server.taken, "2 5 ");
}

/* A format that takes its time: until the gate is opened. */
static struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool reached, open;
} gate = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false };

static void gate_set(bool *what)
{
	pthread_mutex_lock(&gate.lock);
	*what = true;
	pthread_cond_broadcast(&gate.cond);
	pthread_mutex_unlock(&gate.lock);
}

static void gate_await(const bool *what)
{
	pthread_mutex_lock(&gate.lock);
	while (!*what)
		pthread_cond_wait(&gate.cond, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static int slow_add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	(void)options;
	(void)snapshot;
	gate_set(&gate.reached);
	gate_await(&gate.open);
	json_text_literal(body, "x");
	return json_text_error(body);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
		n++;
	return n;
}

/* More ticks than the thread takes are lost, counted, and told of once. */
static void test_overrun(void **state)
{
	static const struct push_format slow = { .name = "slow",
		.content_type = "text/plain",
		.add = slow_add,
		.judge = push_format_judge };
	static const unsigned int script[] = { 0 };
	struct server server;
	struct push_config config = make_config("a", server_start(&server, script));
	int said = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);
	char text[4096] = "";
	struct snapshot_push stats;
	struct push *push;

	(void)state;
	assert_true(said >= 0 && log >= 0);
	config.format = &slow;
	push = start(&config, 1);
	offer(push, 1);
	gate_await(&gate.reached);
	dup2(log, STDERR_FILENO);
	for (uint64_t i = 2; i < 2 + 64 + 5; i++)
		offer(push, i);
	gate_set(&gate.open);
	stats = await(push, 0, 1 + 64 + 5, 0);
	push_stop(push);
	dup2(said, STDERR_FILENO);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(stats.delivered_ticks, 65);
	assert_int_equal(stats.full_ticks, 5);
	assert_int_equal(count(text, "Push a: ticks come faster"), 1);
	assert_int_equal(
		count(text, "Push a: batches are made in time again; 5 ticks"), 1);
	server_stop(&server);
	close(said);
	close(log);
}

/* What waits for its time is sent at the end; a target that is not there is no hindrance,
 * and neither is one that is silent. */
static void test_end(void **state)
{
	static const unsigned int script[] = { 0 };
	int silent = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	struct push_config configs[3];
	struct server server;
	struct push *push;
	uint64_t begin_ns;

	(void)state;
	assert_true(silent >= 0);
	assert_int_equal(bind(silent, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(silent, 5), 0);
	assert_int_equal(getsockname(silent, (struct sockaddr *)&address, &len), 0);
	configs[0] = make_config("good", server_start(&server, script));
	configs[0].interval_ms = 3600000;
	configs[0].batch_ticks = 100;
	configs[1] = make_config("silent", ntohs(address.sin_port));
	configs[2] = make_config("away", 1);
	push = start(configs, 3);
	for (uint64_t i = 1; i <= 5; i++)
		offer(push, i);
	await(push, 2, 0, 1);
	begin_ns = clock_monotonic_ns();
	push_stop(push);
	/* Three seconds, and some for a busy machine. */
	assert_in_range(clock_monotonic_ns() - begin_ns, 2 * (uint64_t)NSEC_PER_SEC,
		60 * (uint64_t)NSEC_PER_SEC);
	assert_string_equal(server.taken, "1 2 3 4 5 ");
	server_stop(&server);
	close(silent);
}

/* Read anew at each attempt. */
static void test_token(void **state)
{
	static const unsigned int script[] = { 0 };
	char path[] = "/tmp/test_push.XXXXXX";
	int fd = mkstemp(path);
	struct server server;
	struct push_config config = make_config("a", server_start(&server, script));
	struct push *push;

	(void)state;
	assert_true(fd >= 0);
	strcpy(config.token_file, path);
	push = start(&config, 1);
	offer(push, 1);
	/* It is empty. */
	await(push, 0, 0, 1);
	assert_int_equal(write(fd, "s3cret\nmore\n", 12), 12);
	await(push, 0, 1, 1);
	push_stop(push);
	assert_string_equal(server.authorization, "Bearer s3cret");
	assert_string_equal(server.taken, "1 ");
	server_stop(&server);
	close(fd);
	unlink(path);
}

static void test_nothing(void **state)
{
	struct push *push = start(NULL, 0);
	struct snapshot *snapshot = snapshot_new(0, 0);

	(void)state;
	assert_null(push);
	push_offer(push, snapshot);
	assert_int_equal(push_describe(push, snapshot), 0);
	assert_int_equal(snapshot->n_pushes, 0);
	snapshot_unref(snapshot);
	push_stop(push);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
