/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower measure and a hostd that hangs: a signal is answered all the same. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/measure.h"
#include "host/measure_child.h"
#include "host/snapshot_json.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "tests/unit/child.h"
#include "tests/unit/fake_snapshot.h"
#include "tests/unit/scratch.h"

/* Of one edge: a tick, and two documents. */
#define EDGE_REQUESTS 3
/* How long an answer is waited for without a signal. */
#define HANG_S 5

/* A daemon that answers so many requests, and no more. */
struct fixture {
	struct scratch scratch;
	char path[96], out[96];
	char *host, *domains; /* the documents */
	int listen_fd;
	atomic_int n_answers;
	atomic_bool hangs; /* a request waits */
	pthread_t thread;
};

/* "GET /api/v1/host HTTP/1.1" or so; false: the connection ended. */
static bool read_request(int fd, char request[1024])
{
	size_t used = 0;

	do {
		ssize_t n = recv(fd, request + used, 1023 - used, 0);

		if (n <= 0)
			return false;
		used += (size_t)n;
		request[used] = '\0';
	} while (!strstr(request, "\r\n\r\n"));
	return true;
}

static void answer(const struct fixture *fixture, int fd, const char *request)
{
	const char *document = "{\"tick\":\"42\"}";

	if (strstr(request, "/api/v1/host "))
		document = fixture->host;
	else if (strstr(request, "/api/v1/domains "))
		document = fixture->domains;
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(document),
		document);
}

/* Until the listening socket is shut down. */
static void *serve(void *data)
{
	struct fixture *fixture = data;
	char request[1024];
	int fd;

	while ((fd = accept4(fixture->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		while (read_request(fd, request)) {
			if (atomic_fetch_sub(&fixture->n_answers, 1) > 0)
				answer(fixture, fd, request);
			else
				atomic_store(&fixture->hangs, true);
		}
		close(fd);
	}
	return NULL;
}

static char *print(cJSON *document)
{
	char *text = cJSON_PrintUnformatted(document);

	assert_non_null(text);
	cJSON_Delete(document);
	return text;
}

/* The next tick is to come after so long. */
static void set_documents(struct fixture *fixture, uint64_t next_s)
{
	cleanup_snapshot_unref struct snapshot *snapshot = fake_snapshot_new();

	snapshot->boottime_ns = clock_boottime_ns();
	snapshot->next_ns = snapshot->boottime_ns + next_s * NSEC_PER_SEC;
	fixture->host = print(snapshot_json_host(snapshot));
	fixture->domains = print(snapshot_json_domains(snapshot));
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_non_null(fixture);
	scratch_init(&fixture->scratch);
	snprintf(fixture->path, sizeof(fixture->path), "%s/hostd.sock",
		fixture->scratch.path);
	snprintf(fixture->out, sizeof(fixture->out), "%s/out", fixture->scratch.path);
	strcpy(address.sun_path, fixture->path);
	fixture->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(fixture->listen_fd, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(fixture->listen_fd, 8), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	shutdown(fixture->listen_fd, SHUT_RDWR);
	pthread_join(fixture->thread, NULL);
	close(fixture->listen_fd);
	free(fixture->host);
	free(fixture->domains);
	scratch_deinit(&fixture->scratch);
	free(fixture);
	return 0;
}

/* With what it prints in a file. */
static pid_t start(const struct fixture *fixture, char *const *command)
{
	static const char *const domains[] = { "web1" };
	const struct measure_config config = {
		.socket = fixture->path,
		.domains = domains,
		.n_domains = 1,
		.command = command,
		.duration_s = 60,
		.n_repeats = 1,
		.name = "",
		.json = true,
	};
	pid_t child = fork();
	int fd, status;

	if (child != 0)
		return child;
	fd = open(fixture->out, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(EXIT_FAILURE);
	status = measure_run(&config);
	fflush(stdout);
	_exit(status);
}

static bool has_printed(const struct fixture *fixture, const char *text)
{
	char *printed = calloc(1, 65536);
	FILE *file = fopen(fixture->out, "re");
	bool found;

	assert_non_null(printed);
	assert_non_null(file);
	assert_true(fread(printed, 1, 65535, file) > 0 || feof(file));
	found = strstr(printed, text);
	fclose(file);
	free(printed);
	return found;
}

/* After so many answers; returns the exit status, which comes soon. */
static int interrupt(struct fixture *fixture, int n_answers, char *const *command)
{
	uint64_t begin_ns;
	pid_t child;
	int status;

	atomic_store(&fixture->n_answers, n_answers);
	assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture), 0);
	child = start(fixture, command);
	for (int i = 0; i < 30000 && !atomic_load(&fixture->hangs); i++)
		usleep(1000);
	assert_true(fixture->hangs);
	begin_ns = clock_monotonic_ns();
	kill(child, SIGINT);
	status = child_join(child);
	assert_in_range(clock_monotonic_ns() - begin_ns, 0, (HANG_S - 1) * NSEC_PER_SEC);
	return status;
}

static void test_at_the_begin(void **state)
{
	struct fixture *fixture = *state;

	set_documents(fixture, 0);
	assert_int_equal(interrupt(fixture, 0, NULL), MEASURE_EXIT_SIGNAL + SIGINT);
	assert_false(has_printed(fixture, "{"));
}

/* The last tick seen is the end, and both show. */
static void check_cut_short(
	struct fixture *fixture, uint64_t next_s, char *const *command, int status)
{
	set_documents(fixture, next_s);
	assert_int_equal(interrupt(fixture, EDGE_REQUESTS, command), status);
	assert_true(has_printed(fixture, "\"marks\":[\"interrupted\",\"no-end-tick\"]"));
}

/* While a tick is looked for that is due. */
static void test_in_the_window(void **state)
{
	check_cut_short(*state, 0, NULL, MEASURE_EXIT_SIGNAL + SIGINT);
}

/* Likewise, and it is the command that the signal ends. */
static void test_with_a_command(void **state)
{
	char *const command[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };

	check_cut_short(*state, 0, command, MEASURE_EXIT_SIGNAL + SIGINT);
}

static void test_at_the_end(void **state)
{
	char *const command[] = { (char[]){ "true" }, NULL };

	check_cut_short(*state, 3600, command, EXIT_SUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_the_begin),
		TEST(test_in_the_window),
		TEST(test_with_a_command),
		TEST(test_at_the_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
