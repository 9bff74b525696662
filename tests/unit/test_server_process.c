/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who serves a socket, and who only seems to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host/server_process.h"
#include "tests/unit/child.h"
#include "tests/unit/scratch.h"

struct fixture {
	struct scratch scratch;
	char path[80];
};

static int setup(void **state)
{
	static struct fixture fixture;

	scratch_init(&fixture.scratch);
	snprintf(fixture.path, sizeof(fixture.path), "%s/sock", fixture.scratch.path);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	scratch_deinit(&f->scratch);
	return 0;
}

/* A child of this name that listens and waits; it does as soon as this returns. */
static pid_t serve(const struct fixture *f, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ready[2];
	char byte;
	pid_t pid;

	unlink(f->path);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		strcpy(address.sun_path, f->path);
		prctl(PR_SET_NAME, name);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
			listen(fd, 5) == 0 && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_signal(void **state)
{
	const struct fixture *f = *state;
	pid_t pid = serve(f, "a-daemon");
	int fd, status;

	assert_int_equal(server_process_open(f->path, "a-daemon", &fd), 0);
	assert_int_equal(server_process_signal(fd, 0), 0);
	assert_int_equal(server_process_signal(fd, SIGHUP), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
	/* Whoever has its pid next is not it. */
	assert_int_equal(server_process_signal(fd, SIGHUP), -ESRCH);
	close(fd);
}

static void test_another(void **state)
{
	static const char *const names[] = { "other", "a-daemon-too", "a-daemo", "" };
	const struct fixture *f = *state;
	int fd = -7;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pid_t pid = serve(f, names[i]);

		assert_int_equal(server_process_open(f->path, "a-daemon", &fd), -ENXIO);
		assert_int_equal(fd, -7);
		child_kill(pid);
	}
	/* The socket is there, the process is not. */
	assert_int_equal(server_process_open(f->path, "a-daemon", &fd), -ESRCH);
	assert_int_equal(server_process_open("/nowhere/x", "a-daemon", &fd), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
