/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A mount namespace of a test's own, so that nothing is left behind. For root only. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define NAMESPACE_TEXT_SIZE 262144

/* A setup function of cmocka's, for a group of tests. */
static inline int namespace_enter(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0)
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* Its mountinfo; the caller frees it. Fails the test. */
static inline char *namespace_mounts(void)
{
	char *text = malloc(NAMESPACE_TEXT_SIZE);
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	assert_non_null(text);
	assert_true(fd >= 0);
	while ((n = read(fd, text + used, NAMESPACE_TEXT_SIZE - 1 - used)) > 0)
		used += (size_t)n;
	assert_int_equal(n, 0);
	close(fd);
	text[used] = '\0';
	return text;
}
