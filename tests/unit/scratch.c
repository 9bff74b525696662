/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A directory of a test's own. */
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void run(const char *const *argv)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void join(const struct scratch *scratch, const char *path, char whole[PATH_MAX])
{
	assert_in_range(
		snprintf(whole, PATH_MAX, "%s/%s", scratch->path, path), 1, PATH_MAX - 1);
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
}

void scratch_init(struct scratch *scratch)
{
	strcpy(scratch->path, "/tmp/vmpower-test-XXXXXX");
	assert_non_null(mkdtemp(scratch->path));
}

void scratch_deinit(struct scratch *scratch)
{
	const char *const argv[] = { "rm", "-rf", scratch->path, NULL };

	run(argv);
}

void scratch_write(const struct scratch *scratch, const char *path, const char *text)
{
	char whole[PATH_MAX], fresh[PATH_MAX + 8];
	FILE *file;

	join(scratch, path, whole);
	make_parents(whole);
	snprintf(fresh, sizeof(fresh), "%s.new", whole);
	file = fopen(fresh, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(fresh, whole), 0);
}

void scratch_unlink(const struct scratch *scratch, const char *path)
{
	char whole[PATH_MAX];

	join(scratch, path, whole);
	assert_int_equal(unlink(whole), 0);
}

void scratch_link(const struct scratch *scratch, const char *path, const char *target)
{
	char whole[PATH_MAX];

	join(scratch, path, whole);
	make_parents(whole);
	assert_int_equal(symlink(target, whole), 0);
}

void scratch_unpack(const struct scratch *scratch, const char *fixtures, const char *host)
{
	char script[PATH_MAX], file[PATH_MAX];
	const char *const argv[] = { script, file, scratch->path, NULL };

	snprintf(script, sizeof(script), "%s/unpack", fixtures);
	snprintf(file, sizeof(file), "%s/hosts/%s.host", fixtures, host);
	run(argv);
}
