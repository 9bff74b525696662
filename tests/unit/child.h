/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Other processes for tests: shells, and children that end or are killed. All of these
 * end the test when they fail.
 */
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs it in the directory. */
static inline void child_shell(const char *dir, const char *command)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "cd %s && %s", dir, command);
	assert_int_equal(system(whole), 0);
}

/* Waits for it to end; what it said. */
static inline int child_join(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Until the count that it raises is another, for a while. */
static inline void child_await(const uint64_t *count, uint64_t before, int tries)
{
	for (int i = 0; i < tries && __atomic_load_n(count, __ATOMIC_RELAXED) == before;
		i++)
		usleep(100);
}

/* While it runs. */
static inline void child_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
