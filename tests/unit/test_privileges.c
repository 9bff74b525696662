/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What is left of a root process that has given up its privileges, and who is taken for
 * capable of what. Needs root.
 */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/unit/child.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "guest/caller.h"
#include "guest/privileges.h"
#include "shared/rooted.h"

#define SKIPPED	 77
#define UID	 61047
#define BIT(cap) (UINT64_C(1) << (cap))

/* A field of the process's own status, in hexadecimal. */
static uint64_t own(const char *field)
{
	char status[16384];
	const char *line;
	uint64_t value = UINT64_MAX;

	if (rooted_read("/proc", status, sizeof(status), "self/status") < 0)
		return value;
	line = strstr(status, field);
	if (line)
		sscanf(line + strlen(field), "%" SCNx64, &value);
	return value;
}

/* Exit codes say what is wrong. */
static int check_left(uint64_t kept)
{
	if (own("\nCapPrm:") != kept)
		return 10;
	if (own("\nCapEff:") != kept)
		return 11;
	if (own("\nCapInh:") != 0 || own("\nCapAmb:") != 0)
		return 12;
	if (own("\nCapBnd:") != 0)
		return 13;
	if (own("\nNoNewPrivs:") != 1)
		return 14;
	return getuid() == UID && geteuid() == UID && getgid() == UID &&
			       getgroups(0, NULL) == 0
		       ? 0
		       : 15;
}

static void test_drop(void **state)
{
	static const uint64_t kept[] = { 0, BIT(CAP_KILL),
		BIT(CAP_CHOWN) | BIT(CAP_KILL) };
	pid_t parent = getpid();

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(privileges_drop(UID, UID, kept[i], parent) < 0
					? 1
					: check_left(kept[i]));
		assert_int_equal(child_join(pid), 0);
	}
}

static int forget(uint64_t capability)
{
	uint64_t permitted = own("\nCapPrm:");

	if (privileges_forget(capability) < 0)
		return 1;
	if (own("\nCapPrm:") != (permitted & ~capability) ||
		own("\nCapEff:") != (permitted & ~capability))
		return 2;
	if (own("\nCapBnd:") & capability)
		return 3;
	/* What is gone cannot be kept. */
	return privileges_drop(UID, UID, capability, getppid()) == -EPERM ? 0 : 4;
}

static void test_forget(void **state)
{
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(forget(BIT(CAP_FOWNER)));
	assert_int_equal(child_join(pid), 0);
}

enum kind { CAPABLE, FORGOTTEN, DROPPED, USER_NAMESPACE };

/* Becomes one of these, says so, and waits to be killed. */
static void __attribute__((__noreturn__)) be(enum kind kind, int ready_fd)
{
	pid_t parent = getppid();
	int r = 0;

	switch (kind) {
	case CAPABLE:
		break;
	case FORGOTTEN:
		r = privileges_forget(BIT(CAP_FOWNER));
		break;
	case DROPPED:
		r = privileges_drop(UID, UID, 0, parent);
		break;
	case USER_NAMESPACE:
		/* Where it is capable of all, to no effect on the machine. */
		r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
		break;
	}
	if (r < 0 || write(ready_fd, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void test_caller(void **state)
{
	static const int expected[] = {
		[CAPABLE] = 0,
		[FORGOTTEN] = -EPERM,
		[DROPPED] = -EPERM,
		[USER_NAMESPACE] = -EPERM,
	};
	struct caller_rule rule;

	(void)state;
	assert_int_equal(caller_rule_init(&rule, CAP_FOWNER), 0);
	assert_int_equal(caller_check(&rule, getpid()), 0);
	assert_int_equal(caller_check(&rule, 0), -EPERM);
	assert_int_equal(caller_check(&rule, INT32_MAX), -ENOENT);
	for (enum kind kind = CAPABLE; kind <= USER_NAMESPACE; kind++) {
		int fds[2];
		char byte;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			be(kind, fds[1]);
		}
		close(fds[1]);
		/* Some machines let nobody make user namespaces. */
		if (read(fds[0], &byte, 1) == 1) {
			assert_int_equal(caller_check(&rule, pid), expected[kind]);
			child_kill(pid);
		} else {
			assert_int_equal(kind, USER_NAMESPACE);
			assert_int_equal(child_join(pid), 1);
		}
		close(fds[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_caller),
	};

	if (geteuid() != 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
