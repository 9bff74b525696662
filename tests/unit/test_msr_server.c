/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The process of the msr files, and what one CPU's trouble is to the others: nothing. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/fd_message.h"
#include "guest/msr_server.h"
#include "shared/cleanup.h"
#include "tests/unit/child.h"

/* The keeper's end of its socket. */
struct fixture {
	int socket_fd;
	pid_t server;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	struct board *board;
	int server_fd;

	assert_int_equal(board_new(&board), 0);
	assert_int_equal(fd_message_pair(&fixture.socket_fd, &server_fd), 0);
	fixture.server = fork();
	if (fixture.server == 0) {
		close(fixture.socket_fd);
		_exit(msr_server_run(server_fd, board) < 0);
	}
	close(server_fd);
	*state = &fixture;
	return 0;
}

static void hand_over(
	const struct fixture *fixture, uint32_t cpu, const int *fds, size_t n)
{
	const struct msr_server_cpu message = { .cpu = cpu };

	assert_int_equal(
		fd_message_send(fixture->socket_fd, &message, sizeof(message), fds, n, 0),
		0);
}

/* A CPU whose device is nothing, and who asks is this process, over the fd returned. */
static int hand_over_socket(const struct fixture *fixture, uint32_t cpu)
{
	cleanup_close int device = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	hand_over(fixture, cpu, (const int[]){ device, fds[1] }, MSR_SERVER_N_FDS);
	close(fds[1]);
	return fds[0];
}

/* The server has closed its end. */
static void expect_dropped(int fd)
{
	const struct timeval patience = { .tv_sec = 30 };
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

/* It ends in good order, when the keeper wants it to. */
static int end(const struct fixture *fixture)
{
	close(fixture->socket_fd);
	return child_join(fixture->server);
}

static void test_cpus_that_cannot_be_taken(void **state)
{
	cleanup_close int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const struct fixture *fixture = *state;
	int before = hand_over_socket(fixture, 0), after;

	hand_over(fixture, 0, NULL, 0);
	hand_over(fixture, 0, &file, 1);
	/* One that cannot be waited on. */
	hand_over(fixture, 0, (const int[]){ file, file }, MSR_SERVER_N_FDS);
	hand_over(fixture, 8191, (const int[]){ file, file }, MSR_SERVER_N_FDS);
	after = hand_over_socket(fixture, 0);
	/* Those before and after are served until they are unmounted. */
	assert_int_equal(shutdown(before, SHUT_WR), 0);
	expect_dropped(before);
	assert_int_equal(shutdown(after, SHUT_WR), 0);
	expect_dropped(after);
	assert_int_equal(end(fixture), 0);
}

static void test_cpu_that_fails(void **state)
{
	const struct fixture *fixture = *state;
	int bad = hand_over_socket(fixture, 0), good = hand_over_socket(fixture, 0);

	/* Too short for anything the kernel asks. */
	assert_int_equal(send(bad, "x", 1, 0), 1);
	expect_dropped(bad);
	assert_int_equal(shutdown(good, SHUT_WR), 0);
	expect_dropped(good);
	assert_int_equal(end(fixture), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cpus_that_cannot_be_taken, set_up),
		cmocka_unit_test_setup(test_cpu_that_fails, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
