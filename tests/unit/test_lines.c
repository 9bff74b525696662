/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Lines of a file: their ends, and how long they may be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/lines.h"

static int make_file(const char *text, size_t len)
{
	char path[] = "/tmp/test_lines.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_ends(void **state)
{
	static const char text[] = "one\n\nthree\r\nlast";
	static const char *const expected[] = { "one", "", "three\r", "last" };
	struct lines lines;
	const char *line;
	size_t len;
	int fd = make_file(text, strlen(text));

	(void)state;
	lines_init(&lines, fd, 100);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(lines_next(&lines, &line, &len), 1);
		assert_int_equal(len, strlen(expected[i]));
		assert_memory_equal(line, expected[i], len);
		assert_int_equal(lines.unended, i == 3);
	}
	assert_int_equal(lines_next(&lines, &line, &len), 0);
	assert_int_equal(lines_next(&lines, &line, &len), 0);
	assert_int_equal(lines.n_bytes, strlen(text));
	lines_deinit(&lines);
	close(fd);
}

/* Longer than any buffer at first, and of all lengths. */
static void test_lengths(void **state)
{
	size_t size = 12 << 20, n = 0, total = 0;
	char *text = malloc(size);
	struct lines lines;
	const char *line;
	size_t len;
	int fd, r;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	for (size_t at = 0, step = 1; at < size; at += step, step += step / 2 + 1)
		text[at] = '\n';
	fd = make_file(text, size);
	lines_init(&lines, fd, size);
	while ((r = lines_next(&lines, &line, &len)) > 0) {
		assert_memory_equal(line, text + total, len);
		assert_null(memchr(line, '\n', len));
		total += len + 1;
		n++;
	}
	assert_int_equal(r, 0);
	assert_true(n > 30);
	assert_true(total == size || total == size + 1);
	lines_deinit(&lines);
	close(fd);
	free(text);
}

static void test_too_long(void **state)
{
	size_t size = 8 << 20;
	char *text = malloc(size);
	struct lines lines;
	const char *line;
	size_t len;
	int fd;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	text[4] = '\n';
	text[10] = '\n';
	fd = make_file(text, size);
	lines_init(&lines, fd, 5);
	assert_int_equal(lines_next(&lines, &line, &len), 1);
	assert_int_equal(lines_next(&lines, &line, &len), 1);
	assert_int_equal(lines_next(&lines, &line, &len), -EMSGSIZE);
	lines_deinit(&lines);
	assert_int_equal(lseek(fd, 11, SEEK_SET), 11);
	lines_init(&lines, fd, 2 << 20);
	assert_int_equal(lines_next(&lines, &line, &len), -EMSGSIZE);
	/* It did not take it all in to find out. */
	assert_true(lines.n_bytes <= 4 << 20);
	lines_deinit(&lines);
	close(fd);
	free(text);
}

static void test_no_file(void **state)
{
	struct lines lines;
	const char *line;
	size_t len;

	(void)state;
	lines_init(&lines, -1, 5);
	assert_int_equal(lines_next(&lines, &line, &len), -EBADF);
	lines_deinit(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
