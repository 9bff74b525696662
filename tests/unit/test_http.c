/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* hostd's HTTP servers, over real sockets, and the command line's client. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
#include "host/http_clients.h"
#include "host/http_listen.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"
#include "tests/unit/resting_checks.h"

struct fixture {
	char dir[64], path[80];
	uint16_t port; /* of set_up_tcp() */
	int fd;
	struct snapshot_box box;
	struct http *http;
};

static struct http_config base_config(struct fixture *fixture)
{
	return (struct http_config){
		.listen_fd = fixture->fd,
		.box = &fixture->box,
		.health = { 10 * (uint64_t)NSEC_PER_SEC, NSEC_PER_SEC },
		.metrics = { .node_name = "hv1" },
	};
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct http_config config;

	strcpy(fixture->dir, "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(fixture->path, sizeof(fixture->path), "%s/hostd.sock", fixture->dir);
	snapshot_box_init(&fixture->box);
	assert_int_equal(
		http_listen_unix(fixture->path, "no-such-group", &fixture->fd), 0);
	config = base_config(fixture);
	config.trusted = true;
	assert_int_equal(http_start(&config, &fixture->http), 0);
	*state = fixture;
	return 0;
}

/* Whose password is "secret"; of cost 10. */
static const struct credentials_user user = { "prometheus",
	"$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u" };

#define GOOD  "Authorization: Basic cHJvbWV0aGV1czpzZWNyZXQ=\r\n"
#define WRONG "Authorization: Basic cHJvbWV0aGV1czpzZWNyZXR0\r\n"

static int start_tcp(void **state, size_t n_users, bool anonymous)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	socklen_t len = sizeof(address);
	struct http_config config;

	snapshot_box_init(&fixture->box);
	assert_int_equal(http_listen_tcp((struct sockaddr *)&address, sizeof(address),
				 &fixture->fd),
		0);
	assert_int_equal(getsockname(fixture->fd, (struct sockaddr *)&address, &len), 0);
	fixture->port = ntohs(address.sin_port);
	snprintf(fixture->path, sizeof(fixture->path), "%u", fixture->port);
	config = base_config(fixture);
	config.users = &user;
	config.n_users = n_users;
	config.anonymous = anonymous;
	config.host_names = "metrics.example.org";
	assert_int_equal(http_start(&config, &fixture->http), 0);
	*state = fixture;
	return 0;
}

static int set_up_tcp(void **state)
{
	return start_tcp(state, 0, false);
}

static int set_up_users(void **state)
{
	return start_tcp(state, 1, false);
}

static int set_up_anonymous(void **state)
{
	return start_tcp(state, 1, true);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	http_stop(fixture->http);
	close(fixture->fd);
	snapshot_box_deinit(&fixture->box);
	if (fixture->dir[0]) {
		unlink(fixture->path);
		rmdir(fixture->dir);
	}
	free(fixture);
	return 0;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int connect_tcp(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* path: of a unix socket, or the number of a port. */
static int connect_to(const char *path)
{
	if (path[0] != '/')
		return connect_tcp((uint16_t)atoi(path));
	return connect_unix(path);
}

/* What the server answers to raw bytes; it closes the connection at the end. */
static void exchange(const char *path, const char *request, char *answer, size_t size)
{
	static const struct timeval patience = { .tv_sec = 60 };
	int fd = connect_to(path);
	size_t used = 0;
	ssize_t n;

	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	while ((n = read(fd, answer + used, size - 1 - used)) > 0 ||
		(n < 0 && errno == EINTR))
		used += n > 0 ? (size_t)n : 0;
	answer[used] = '\0';
	close(fd);
}

static void assert_answer(
	const char *path, const char *request, const char *status, const char *contains)
{
	char answer[65536];

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

	snapshot_box_publish(&fixture->box, fake_snapshot_new(), true);
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

static void publish(struct fixture *fixture, uint64_t number, bool coarse)
{
	struct snapshot *snapshot = fake_snapshot_new();

	snapshot->number = number;
	snapshot->boottime_ns = clock_boottime_ns();
	snapshot_box_publish(&fixture->box, snapshot, coarse);
}

static void test_routes(void **state)
{
	static const struct {
		const char *request, *status, *contains;
	} cases[] = {
		{ "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "\"ok\"" },
		{ "GET /api/v1/host HTTP/1.0\r\n\r\n", "HTTP/1.1 200",
			"application/json" },
		{ "GET /api/v1/host?x=/metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200",
			"\"tick\":\"42\"" },
		{ "GET /api/v1/domains/66666666-2222-4333-8444-555555555555 "
		  "HTTP/1.0\r\n\r\n",
			"HTTP/1.1 200",
			"\"domain\":{\"uuid\":\"66666666-2222-4333-8444-555555555555\"" },
		{ "GET /api/v1/domains/76666666-2222-4333-8444-555555555555 "
		  "HTTP/1.0\r\n\r\n",
			"HTTP/1.1 404", "no such domain" },
		{ "GET /api/v1/hosts HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "no such path" },
		{ "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 404", "" },
		{ "POST /api/v1/host HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
			"HTTP/1.1 405", "Allow: GET" },
		{ "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200",
			"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" },
		{ "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200",
			"\nvmpower_tick_number 42\n" },
		{ "GET /metrics HTTP/1.0\r\nAccept: text/plain;q=0.5\r\nAccept: "
		  "application/openmetrics-text\r\n\r\n",
			"HTTP/1.1 200",
			"Content-Type: application/openmetrics-text; version=1.0.0; "
			"charset=utf-8\r\n" },
		{ "HEAD /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Vary: Accept" },
		{ "rubbish\r\n\r\n", "", "" },
	};
	struct fixture *fixture = *state;
	struct snapshot *snapshot;

	assert_answer(fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 503",
		"starting");
	assert_answer(fixture->path, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 503",
		"starting");
	publish(fixture, 42, true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_answer(fixture->path, cases[i].request, cases[i].status,
			cases[i].contains);
	snapshot = fake_snapshot_new();
	snapshot->boottime_ns = clock_boottime_ns() - 11 * (uint64_t)NSEC_PER_SEC;
	snapshot_box_publish(&fixture->box, snapshot, true);
	assert_answer(fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 503",
		"ticks late");
}

#define GET_METRICS(headers) "GET /metrics HTTP/1.0\r\n" headers "\r\n"

/* What was written once is not given for the next tick. */
static void test_each_tick_is_new(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t number = 1; number <= 3; number++) {
		char line[64];

		publish(fixture, number, true);
		snprintf(line, sizeof(line), "\nvmpower_tick_number %u\n",
			(unsigned int)number);
		for (unsigned int i = 0; i < 2; i++)
			assert_answer(
				fixture->path, GET_METRICS(""), "HTTP/1.1 200", line);
	}
}

/* Who is not trusted sees a tick a second, and only of us. */
static void test_tcp(void **state)
{
	struct fixture *fixture = *state;

	publish(fixture, 7, true);
	publish(fixture, 8, false);
	assert_answer(fixture->path, GET_METRICS(""), "HTTP/1.1 200",
		"vmpower_tick_number 7\n");
	assert_answer(fixture->path, GET_METRICS(GOOD), "HTTP/1.1 200",
		"vmpower_tick_number 7\n");
	assert_answer(fixture->path, GET_METRICS("Host: localhost:9846\r\n"),
		"HTTP/1.1 200", "vmpower_tick_number 7\n");
	assert_answer(fixture->path, GET_METRICS("Host: metrics.example.org\r\n"),
		"HTTP/1.1 200", "vmpower_tick_number 7\n");
	assert_answer(fixture->path, GET_METRICS("Host: evil.com\r\n"), "HTTP/1.1 421",
		"host_names");
	assert_answer(fixture->path, GET_METRICS("Host: localhost\r\nHost: evil.com\r\n"),
		"HTTP/1.1 421", "");
	publish(fixture, 9, true);
	assert_answer(fixture->path, GET_METRICS(""), "HTTP/1.1 200",
		"vmpower_tick_number 9\n");
}

/* Trusted, it sees the newest. */
static void test_unix_is_trusted(void **state)
{
	struct fixture *fixture = *state;

	publish(fixture, 7, true);
	publish(fixture, 8, false);
	assert_answer(fixture->path, GET_METRICS("Host: evil.com\r\n"), "HTTP/1.1 200",
		"vmpower_tick_number 8\n");
}

static void test_users(void **state)
{
	struct fixture *fixture = *state;

	publish(fixture, 7, true);
	publish(fixture, 8, false);
	assert_answer(fixture->path, GET_METRICS(""), "HTTP/1.1 401",
		"WWW-Authenticate: Basic realm=\"vmpower\"");
	assert_answer(fixture->path, "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 401", "");
	assert_answer(fixture->path, GET_METRICS(WRONG), "HTTP/1.1 401", "");
	assert_answer(fixture->path, GET_METRICS("Authorization: Basic !\r\n"),
		"HTTP/1.1 401", "");
	for (unsigned int i = 0; i < 2; i++)
		assert_answer(fixture->path, GET_METRICS(GOOD), "HTTP/1.1 200",
			"vmpower_tick_number 8\n");
	assert_answer(fixture->path, GET_METRICS(WRONG), "HTTP/1.1 401", "");
}

static void test_anonymous(void **state)
{
	struct fixture *fixture = *state;

	publish(fixture, 7, true);
	publish(fixture, 8, false);
	assert_answer(fixture->path, GET_METRICS(""), "HTTP/1.1 200",
		"vmpower_tick_number 7\n");
	assert_answer(fixture->path, GET_METRICS(GOOD), "HTTP/1.1 200",
		"vmpower_tick_number 8\n");
	assert_answer(fixture->path, GET_METRICS(WRONG), "HTTP/1.1 401", "");
}

/* While wrong passwords are checked, those that are known are served; what is too much
 * is told so, and the server ends with all of it. */
static void test_a_flood_of_passwords(void **state)
{
	struct fixture *fixture = *state;
	int fds[40];

	publish(fixture, 8, true);
	assert_answer(fixture->path, GET_METRICS(GOOD), "HTTP/1.1 200", "");
	checks_rest = true;
	for (size_t i = 0; i < 40; i++) {
		const char request[] = GET_METRICS(WRONG);

		fds[i] = connect_to(fixture->path);
		assert_true(write(fds[i], request, strlen(request)) > 0);
	}
	for (unsigned int i = 0; i < 20; i++)
		assert_answer(fixture->path, GET_METRICS(GOOD), "HTTP/1.1 200", "");
	checks_rest = false;
	http_stop(fixture->http);
	fixture->http = NULL;
	for (size_t i = 0; i < 40; i++)
		close(fds[i]);
}

/* Connections that do nothing, or much too slowly, make room. */
static void test_a_crowd(void **state)
{
	struct fixture *fixture = *state;
	int fds[2 * HTTP_CLIENTS_MAX];

	publish(fixture, 8, true);
	for (size_t i = 0; i < 2 * HTTP_CLIENTS_MAX; i++) {
		fds[i] = connect_to(fixture->path);
		assert_true(write(fds[i], "GET /met", 8) > 0);
	}
	assert_answer(fixture->path, GET_METRICS(""), "HTTP/1.1 200", "");
	for (size_t i = 0; i < 2 * HTTP_CLIENTS_MAX; i++)
		close(fds[i]);
}

static void test_clients(void **state)
{
	struct http_clients clients;
	struct http_client *all[HTTP_CLIENTS_MAX];
	int pair[2];
	char byte;

	(void)state;
	http_clients_init(&clients);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	all[0] = http_clients_add(&clients, pair[0], 1000);
	http_clients_sweep(&clients, 1000 + HTTP_CLIENTS_TIME_NS);
	assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	http_clients_sweep(&clients, 1001 + HTTP_CLIENTS_TIME_NS);
	assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
	for (size_t i = 1; i < HTTP_CLIENTS_MAX; i++) {
		all[i] = http_clients_add(&clients, 1000000, 2000);
		assert_non_null(all[i]);
	}
	assert_null(http_clients_add(&clients, 1000000, 2000));
	for (size_t i = 0; i < HTTP_CLIENTS_MAX; i++)
		http_clients_remove(&clients, all[i]);
	assert_int_equal(clients.n, 0);
	close(pair[0]);
	close(pair[1]);
}

/* A client that asks and never reads costs itself its answer, and nobody else. */
static void test_slow_readers(void **state)
{
	struct fixture *fixture = *state;
	const char request[] = "GET /api/v1/domains HTTP/1.1\r\nHost: x\r\n\r\n";
	struct snapshot *large = snapshot_new(0, 4000), *got = NULL;
	char error[CLIENT_ERROR_SIZE];
	int fds[50];

	large->source = "powercap";
	large->idle_policy = "reserved";
	large->calibration_file = "/c";
	for (size_t i = 0; i < large->n_domains; i++)
		large->domains[i].name = "a domain";
	snapshot_box_publish(&fixture->box, large, true);
	for (size_t i = 0; i < 50; i++) {
		fds[i] = connect_to(fixture->path);
		assert_true(write(fds[i], request, strlen(request)) > 0);
	}
	/* It would give up after seconds. */
	assert_int_equal(client_get_snapshot(fixture->path, &got, NULL, NULL, error), 0);
	assert_int_equal(got->n_domains, 4000);
	snapshot_unref(got);
	for (size_t i = 0; i < 50; i++)
		close(fds[i]);
}

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int fetch(struct client *client, uint64_t known_ns, uint64_t *ret_boottime_ns)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	char error[CLIENT_ERROR_SIZE];
	int r = client_fetch_snapshot(client, known_ns, &snapshot, NULL, NULL, error);

	if (r == 0)
		*ret_boottime_ns = snapshot->boottime_ns;
	return r;
}

static bool is_true(void *data)
{
	return *(const bool *)data;
}

/* One connection for all that is asked, and another one when the server is another. */
static void test_kept_client(void **state)
{
	struct fixture *fixture = *state;
	struct http_config config;
	struct snapshot *next = fake_snapshot_new();
	size_t n_before = count_fds(), n_kept;
	bool is_over = false;
	struct client *client;
	uint64_t first_ns = 0, next_ns = 0;

	publish(fixture, 8, true);
	assert_int_equal(client_new(fixture->path, is_true, &is_over, &client), 0);
	assert_int_equal(fetch(client, 0, &first_ns), 0);
	n_kept = count_fds();
	assert_true(n_kept > n_before);
	assert_int_equal(fetch(client, first_ns, &next_ns), -EALREADY);
	next->boottime_ns = first_ns + 1;
	snapshot_box_publish(&fixture->box, next, true);
	assert_int_equal(fetch(client, first_ns, &next_ns), 0);
	assert_int_equal(next_ns, first_ns + 1);
	assert_int_equal(count_fds(), n_kept);
	http_stop(fixture->http);
	close(fixture->fd);
	assert_true(fetch(client, first_ns, &next_ns) < 0);
	assert_int_equal(
		http_listen_unix(fixture->path, "no-such-group", &fixture->fd), 0);
	config = base_config(fixture);
	config.trusted = true;
	assert_int_equal(http_start(&config, &fixture->http), 0);
	assert_int_equal(fetch(client, first_ns, &next_ns), 0);
	is_over = true;
	assert_int_equal(fetch(client, first_ns, &next_ns), -ECANCELED);
	client_free(client);
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

/* Who does not read makes the server no work beyond this. */
static void test_send_buffer(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener, client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address), size_len = sizeof(int);
	int connection, size = 0;
	char bytes[4096] = { 0 };
	size_t taken = 0;
	ssize_t n;

	(void)state;
	assert_int_equal(http_listen_tcp((struct sockaddr *)&address, len, &listener), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(connection >= 0);
	assert_int_equal(
		getsockopt(connection, SOL_SOCKET, SO_SNDBUF, &size, &size_len), 0);
	assert_in_range(size, HTTP_SEND_BUFFER, 2 * HTTP_SEND_BUFFER);
	while ((n = send(connection, bytes, sizeof(bytes), MSG_NOSIGNAL)) > 0)
		taken += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	/* And what the client's kernel takes, tens of kilobytes to begin with. */
	assert_in_range(taken, sizeof(bytes), 8 * HTTP_SEND_BUFFER);
	close(connection);
	close(client);
	close(listener);
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

#define TEST_WITH(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST(name)		TEST_WITH(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_snapshot_arrives_whole),
		TEST(test_nothing_measured_yet),
		TEST(test_routes),
		TEST(test_each_tick_is_new),
		TEST(test_unix_is_trusted),
		TEST_WITH(test_tcp, set_up_tcp),
		TEST_WITH(test_users, set_up_users),
		TEST_WITH(test_anonymous, set_up_anonymous),
		TEST_WITH(test_a_flood_of_passwords, set_up_users),
		TEST(test_a_crowd),
		cmocka_unit_test(test_clients),
		TEST(test_slow_readers),
		TEST(test_kept_client),
		TEST(test_socket_file),
		TEST(test_a_live_socket_is_refused),
		TEST(test_a_dead_socket_is_replaced),
		cmocka_unit_test(test_send_buffer),
		TEST(test_other_files_stay),
		cmocka_unit_test(test_no_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
