/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Untrusted text: what reaches the terminal, and what a shell. */
#include "host/text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
	const char *text, *shown;
	size_t width;
} cases[] = {
	{ "", "", 0 },
	{ "web-1.example", "web-1.example", 13 },
	{ "a\nb\tc", "a?b?c", 5 },
	{ "\x1b[2J", "?[2J", 4 },
	{ "\x7f", "?", 1 },
	{ "Bücher", "Bücher", 6 },
	{ "計算機", "計算機", 6 },
	/* What has no width, or turns the direction. */
	{ "a\u200b\u202e"
	  "b",
		"a??b", 4 },
	/* Letters after which numbers would change places. */
	{ "\u05d0\u0628 1", "?? 1", 4 },
	/* C1 controls, and what is not UTF-8. */
	{ "a\xc2\x9b"
	  "1m",
		"a?1m", 4 },
	{ "a\xff\xc3", "a??", 3 },
	{ "\xed\xa0\x80", "???", 3 },
};

static void test_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&shown, &size);

		assert_int_equal(text_print(out, cases[i].text), cases[i].width);
		fclose(out);
		assert_string_equal(shown, cases[i].shown);
		assert_int_equal(text_width(cases[i].text), cases[i].width);
		free(shown);
	}
}

static void test_padded(void **state)
{
	char *shown = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&shown, &size);

	(void)state;
	text_print_padded(out, "計算", 6);
	text_print_padded(out, "longer", 3);
	fclose(out);
	assert_string_equal(shown, "計算  longer");
	free(shown);
}

static void test_quote(void **state)
{
	static const char *const words[][2] = {
		{ "web-1", "web-1" },
		{ "/run/a_b:c=1,2+3@x%y", "/run/a_b:c=1,2+3@x%y" },
		{ "", "''" },
		{ "two words", "'two words'" },
		{ "it's", "'it'\\''s'" },
		{ "$(reboot)", "'$(reboot)'" },
		{ "~", "'~'" },
		{ "#1", "'#1'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char *quoted = text_quote(words[i][0]);

		assert_string_equal(quoted, words[i][1]);
		free(quoted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_padded),
		cmocka_unit_test(test_quote),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
