/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* How far a command has come, to the letter. */
#include "host/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_lines(void **state)
{
	struct progress progress;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	progress_init(&progress, out);
	assert_false(progress.is_terminal);
	for (uint64_t s = 0; s <= 25; s++)
		progress_show(&progress, s, 25, s < 20 ? "a" : "b");
	progress_show(&progress, 99, 25, "c");
	progress_end(&progress);
	fclose(out);
	assert_string_equal(text, "10 of 25 s  a\n20 of 25 s  b\n");
	free(text);
}

static void test_bar(void **state)
{
	struct progress progress;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	progress_init(&progress, out);
	progress.is_terminal = true;
	progress_end(&progress);
	progress_show(&progress, 0, 48, "none");
	progress_show(&progress, 25, 48, "half");
	progress_show(&progress, 49, 48, "all");
	progress_end(&progress);
	progress_end(&progress);
	fclose(out);
	assert_string_equal(text, "\r[------------------------]   48 s left  none\033[K"
				  "\r[############------------]   23 s left  half\033[K"
				  "\r[########################]    0 s left  all\033[K"
				  "\r\033[K");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
