/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Descriptors from one end to the other, and none that is not expected. */
#include "config.h" /* first: _GNU_SOURCE */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/fd_message.h"

struct ends {
	int a, b;
};

static int setup(void **state)
{
	static struct ends ends;

	*state = &ends;
	return fd_message_pair(&ends.a, &ends.b);
}

static int teardown(void **state)
{
	struct ends *ends = *state;

	close(ends->a);
	return close(ends->b);
}

/* The lowest number that an fd would get now: none was left open. */
static int next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void test_counts(void **state)
{
	const struct ends *ends = *state;
	int pipe_fds[2], before;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	before = next_fd();
	for (size_t sent = 0; sent <= FD_MESSAGE_FDS_MAX; sent++) {
		for (size_t wanted = 0; wanted <= FD_MESSAGE_FDS_MAX; wanted++) {
			int fds[FD_MESSAGE_FDS_MAX];
			char text[8];

			assert_int_equal(
				fd_message_send(ends->a, "abc", 3, pipe_fds, sent, 0), 0);
			assert_int_equal(fd_message_receive(ends->b, text, sizeof(text),
						 fds, wanted, 0),
				3);
			assert_memory_equal(text, "abc", 3);
			for (size_t i = 0; i < wanted; i++) {
				assert_int_equal(fds[i] >= 0, sent == wanted);
				if (fds[i] < 0)
					continue;
				assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
				close(fds[i]);
			}
			assert_int_equal(next_fd(), before);
		}
	}
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void test_order(void **state)
{
	const struct ends *ends = *state;
	int pipe_fds[2], fds[2];
	struct stat sent, came;
	char byte;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(fd_message_send(ends->a, "x", 1, pipe_fds, 2, 0), 0);
	assert_int_equal(fd_message_receive(ends->b, &byte, 1, fds, 2, 0), 1);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	assert_int_equal(fstat(pipe_fds[0], &sent), 0);
	assert_int_equal(fstat(fds[0], &came), 0);
	assert_true(sent.st_ino == came.st_ino && sent.st_dev == came.st_dev);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(pipe_fds[i]);
	}
}

static void test_ends(void **state)
{
	struct ends *ends = *state;
	char byte;

	assert_int_equal(
		fd_message_receive(ends->b, &byte, 1, NULL, 0, MSG_DONTWAIT), -EAGAIN);
	close(ends->a);
	assert_int_equal(fd_message_receive(ends->b, &byte, 1, NULL, 0, 0), 0);
	assert_int_equal(fd_message_send(ends->b, "x", 1, NULL, 0, 0), -EPIPE);
	/* For teardown. */
	ends->a = dup(ends->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
