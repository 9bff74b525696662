/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The port as a socket: when it is tried, found, lost and tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/port.h"

#define TAG_WATCH 1
#define TAG_PORT  2

struct fixture {
	char dir[32];
	char sub[48];  /* dir/sub, which is not there at first */
	char path[64]; /* dir/sub/port */
	int epoll_fd;
	struct port port;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_port.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->sub, sizeof(f->sub), "%s/sub", f->dir);
	snprintf(f->path, sizeof(f->path), "%s/port", f->sub);
	f->epoll_fd = epoll_create1(0);
	assert_int_equal(port_init(&f->port, f->path, f->epoll_fd, TAG_WATCH), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	port_deinit(&f->port);
	close(f->epoll_fd);
	unlink(f->path);
	rmdir(f->sub);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* The events of tag that are there now. */
static uint32_t ready(const struct fixture *f, uint64_t tag)
{
	struct epoll_event events[4];
	int n = epoll_wait(f->epoll_fd, events, 4, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == tag)
			return events[i].events;
	}
	return 0;
}

static void test_open(void **state)
{
	struct fixture *f = *state;
	int fd, listener;

	assert_int_equal(port_open(f->path, &fd), -ENOENT);
	assert_int_equal(mkdir(f->sub, 0700), 0);
	assert_int_equal(port_open(f->sub, &fd), -ENOTSUP);
	listener = listen_at(f->path);
	assert_int_equal(port_open(f->path, &fd), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(listener);
	assert_int_equal(port_open(f->path, &fd), -ECONNREFUSED);
	assert_int_equal(port_open("/dev/null", &fd), 0);
	close(fd);
}

static void test_attempts(void **state)
{
	struct fixture *f = *state;
	uint64_t now_ns = 1000, pause_ns = PORT_RETRY_MIN_NS;

	assert_true(port_deadline_ns(&f->port) == 0);
	/* Once more, now that what is missing is watched for. */
	port_failed(&f->port, now_ns);
	assert_true(port_deadline_ns(&f->port) == now_ns);
	for (unsigned int i = 0; i < 10; i++) {
		port_failed(&f->port, now_ns);
		assert_true(port_deadline_ns(&f->port) == now_ns + pause_ns);
		now_ns += pause_ns;
		pause_ns = 2 * pause_ns < PORT_RETRY_MAX_NS ? 2 * pause_ns
							    : PORT_RETRY_MAX_NS;
	}
	port_settle(&f->port);
	port_failed(&f->port, now_ns);
	assert_true(port_deadline_ns(&f->port) == now_ns + PORT_RETRY_MIN_NS);
}

static void test_watch(void **state)
{
	struct fixture *f = *state;
	char other[64];
	int listener;

	port_failed(&f->port, 1);
	port_failed(&f->port, 1);
	assert_int_equal(ready(f, TAG_WATCH), 0);
	/* Another name, then the directory, another name in it, then the port. */
	snprintf(other, sizeof(other), "%s/other", f->dir);
	assert_int_equal(mkdir(other, 0700), 0);
	port_process_watch(&f->port, 5);
	assert_true(port_deadline_ns(&f->port) > 5);
	rmdir(other);
	assert_int_equal(mkdir(f->sub, 0700), 0);
	assert_int_equal(ready(f, TAG_WATCH), EPOLLIN);
	port_process_watch(&f->port, 5);
	assert_true(port_deadline_ns(&f->port) == 5);
	assert_int_equal(ready(f, TAG_WATCH), 0);
	port_failed(&f->port, 6);
	assert_true(port_deadline_ns(&f->port) == 6);
	port_failed(&f->port, 6);
	listener = listen_at(f->path);
	port_process_watch(&f->port, 7);
	assert_true(port_deadline_ns(&f->port) == 7);
	close(listener);
	/* The directory goes: it is watched for again. */
	unlink(f->path);
	port_failed(&f->port, 8);
	rmdir(f->sub);
	port_process_watch(&f->port, 9);
	assert_true(port_deadline_ns(&f->port) == 9);
	port_failed(&f->port, 9);
	assert_true(port_deadline_ns(&f->port) == 9);
	assert_int_equal(mkdir(f->sub, 0700), 0);
	port_process_watch(&f->port, 10);
	assert_true(port_deadline_ns(&f->port) == 10);
}

static void test_traffic(void **state)
{
	struct fixture *f = *state;
	int listener, host, fd;
	char data[16];

	assert_int_equal(mkdir(f->sub, 0700), 0);
	listener = listen_at(f->path);
	assert_int_equal(port_open(f->path, &fd), 0);
	assert_int_equal(port_attach(&f->port, fd, TAG_PORT), 0);
	assert_true(port_deadline_ns(&f->port) == UINT64_MAX);
	host = accept(listener, NULL, NULL);
	assert_int_equal(ready(f, TAG_PORT), EPOLLOUT);
	/* Told once. */
	assert_int_equal(ready(f, TAG_PORT), 0);
	assert_int_equal(port_want_writing(&f->port, false), 0);
	assert_int_equal(port_read(&f->port, data, sizeof(data)), -EAGAIN);
	assert_int_equal(port_write(&f->port, "hello", 5), 5);
	assert_int_equal(read(host, data, sizeof(data)), 5);
	assert_int_equal(ready(f, TAG_PORT), 0);
	assert_int_equal(write(host, "welcome", 7), 7);
	assert_int_equal(ready(f, TAG_PORT), EPOLLIN);
	assert_int_equal(port_read(&f->port, data, sizeof(data)), 7);
	close(host);
	assert_true(ready(f, TAG_PORT) & EPOLLHUP);
	assert_int_equal(port_read(&f->port, data, sizeof(data)), -ECONNRESET);
	port_detach(&f->port, 100);
	assert_true(port_deadline_ns(&f->port) == 100 + PORT_RETRY_MIN_NS);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attempts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_traffic, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
