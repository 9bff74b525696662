/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* hostd's HTTP server and the command line's client, over a real unix socket. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/client.h"
#include "host/http.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"

struct fixture {
	char dir[64], path[80];
	int fd;
	struct snapshot_box box;
	struct http *http;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/hostd.sock", fixture->dir);
	snapshot_box_init(&fixture->box);
	assert_int_equal(
		http_listen_unix(fixture->path, "no-such-group", &fixture->fd), 0);
	assert_int_equal(http_start(fixture->fd, &fixture->box,
				 10 * (uint64_t)NSEC_PER_SEC, &fixture->http),
		0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	http_stop(fixture->http);
	close(fixture->fd);
	snapshot_box_deinit(&fixture->box);
	unlink(fixture->path);
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* What the server answers to raw bytes; it closes the connection at the end. */
static void exchange(const char *path, const char *request, char *answer, size_t size)
{
	int fd = connect_to(path);
	size_t used = 0;
	ssize_t n;

	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	while ((n = read(fd, answer + used, size - 1 - used)) > 0)
		used += (size_t)n;
	answer[used] = '\0';
	close(fd);
}

static void assert_answer(
	const char *path, const char *request, const char *status, const char *contains)
{
	char answer[16384];

	exchange(path, request, answer, sizeof(answer));
	if (strncmp(answer, status, strlen(status)) != 0 || !strstr(answer, contains))
		fail_msg("%s gives %s", request, answer);
}

static void test_snapshot_arrives_whole(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *got = NULL;
	cJSON *host = NULL, *domains = NULL;
	char error[CLIENT_ERROR_SIZE];

	snapshot_box_publish(&fixture->box, fake_snapshot_new());
	assert_int_equal(
		client_get_snapshot(fixture->path, &got, &host, &domains, error), 0);
	assert_int_equal(got->number, 42);
	assert_int_equal(got->zones[0].sum.total_uj, 18000000000000000007u);
	assert_int_equal(got->n_domains, 2);
	assert_string_equal(got->domains[1].name, "db\x1b[31m");
	assert_true(cJSON_IsArray(cJSON_GetObjectItem(domains, "domains")));
	assert_true(cJSON_IsArray(cJSON_GetObjectItem(host, "zones")));
	cJSON_Delete(host);
	cJSON_Delete(domains);
	snapshot_unref(got);
}

static void test_nothing_measured_yet(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *got = NULL;
	char error[CLIENT_ERROR_SIZE];

	assert_int_equal(
		client_get_snapshot(fixture->path, &got, NULL, NULL, error), -EAGAIN);
	assert_non_null(strstr(error, fixture->path));
	assert_non_null(strstr(error, "try again"));
	assert_null(got);
}

static void test_routes(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *snapshot = fake_snapshot_new();

	assert_answer(fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 503",
		"starting");
	snapshot->boottime_ns = clock_boottime_ns();
	snapshot_box_publish(&fixture->box, snapshot);
	assert_answer(
		fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "\"ok\"");
	assert_answer(fixture->path, "GET /api/v1/host HTTP/1.0\r\n\r\n", "HTTP/1.1 200",
		"application/json");
	assert_answer(fixture->path, "GET /api/v1/hosts HTTP/1.0\r\n\r\n", "HTTP/1.1 404",
		"no such path");
	assert_answer(fixture->path, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "");
	assert_answer(fixture->path,
		"POST /api/v1/host HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 405", "Allow: GET");
	assert_answer(fixture->path, "rubbish\r\n\r\n", "", "");
	snapshot = fake_snapshot_new();
	snapshot->boottime_ns = clock_boottime_ns() - 11 * (uint64_t)NSEC_PER_SEC;
	snapshot_box_publish(&fixture->box, snapshot);
	assert_answer(
		fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 503", "stale");
}

/* A client that asks and never reads costs itself its answer, and nobody else. */
static void test_slow_readers(void **state)
{
	struct fixture *fixture = *state;
	const char request[] = "GET /api/v1/domains HTTP/1.1\r\nHost: x\r\n\r\n";
	struct snapshot *large = snapshot_new(0, 4000), *got = NULL;
	char error[CLIENT_ERROR_SIZE];
	uint64_t begin_ns;
	int fds[8];

	large->source = "powercap";
	large->idle_policy = "reserved";
	large->calibration_file = "/c";
	for (size_t i = 0; i < large->n_domains; i++)
		large->domains[i].name = "a domain";
	snapshot_box_publish(&fixture->box, large);
	for (size_t i = 0; i < 8; i++) {
		fds[i] = connect_to(fixture->path);
		assert_true(write(fds[i], request, strlen(request)) > 0);
	}
	begin_ns = clock_monotonic_ns();
	assert_int_equal(client_get_snapshot(fixture->path, &got, NULL, NULL, error), 0);
	assert_in_range(clock_monotonic_ns() - begin_ns, 0, 3 * (uint64_t)NSEC_PER_SEC);
	assert_int_equal(got->n_domains, 4000);
	snapshot_unref(got);
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}

static void test_socket_file(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void test_a_live_socket_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = -1;

	assert_int_equal(
		http_listen_unix(fixture->path, "no-such-group", &fd), -EADDRINUSE);
	assert_int_equal(fd, -1);
	assert_answer(fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 503",
		"starting");
}

static void test_a_dead_socket_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *got = NULL;
	char error[CLIENT_ERROR_SIZE];
	int fd = -1;

	http_stop(fixture->http);
	fixture->http = NULL;
	close(fixture->fd);
	fixture->fd = -1;
	assert_int_equal(client_get_snapshot(fixture->path, &got, NULL, NULL, error),
		-ECONNREFUSED);
	assert_non_null(strstr(error, "not running"));
	assert_int_equal(http_listen_unix(fixture->path, "no-such-group", &fd), 0);
	assert_int_equal(close(connect_to(fixture->path)), 0);
	close(fd);
}

static void test_other_files_stay(void **state)
{
	struct fixture *fixture = *state;
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/file", fixture->dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	fd = -1;
	assert_int_equal(http_listen_unix(path, "no-such-group", &fd), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_int_equal(http_listen_unix("/no/such/directory/s", "x", &fd), -ENOENT);
	assert_int_equal(
		http_listen_unix(
			"/a/path/that/is/longer/than/a/socket/address/may/be/on/linux/which/is/one/"
			"hundred/and/seven/bytes/in/all/of/it",
			"x", &fd),
		-ENAMETOOLONG);
	assert_int_equal(fd, -1);
}

static void test_no_daemon(void **state)
{
	struct snapshot *got = NULL;
	char error[CLIENT_ERROR_SIZE];

	(void)state;
	assert_int_equal(client_get_snapshot(
				 "/tmp/no-such-dir/hostd.sock", &got, NULL, NULL, error),
		-ENOENT);
	assert_string_equal(error,
		"cannot connect to /tmp/no-such-dir/hostd.sock: No such file "
		"or directory; vmpower-hostd is not running there: start it, or name its "
		"--run-dir");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_snapshot_arrives_whole),
		TEST(test_nothing_measured_yet),
		TEST(test_routes),
		TEST(test_slow_readers),
		TEST(test_socket_file),
		TEST(test_a_live_socket_is_refused),
		TEST(test_a_dead_socket_is_replaced),
		TEST(test_other_files_stay),
		cmocka_unit_test(test_no_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
