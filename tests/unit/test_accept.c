/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What scrapers and browsers accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/accept.h"

static void test_preference(void **state)
{
	static const struct {
		const char *accept;
		bool openmetrics;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "*/*", false },
		{ "text/plain", false },
		{ "application/openmetrics-text", true },
		{ "Application/OpenMetrics-Text; Version=1.0.0", true },
		{ "application/openmetrics-text;version=\"0.0.1\"", true },
		{ "application/openmetrics-text;version=2.0.0", false },
		{ "application/openmetrics-text;version=2.0.0,text/plain;q=0.1", false },
		/* Prometheus 2.42, and 3.0 */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
			true },
		{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version="
		  "1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q="
		  "0.1",
			true },
		/* VictoriaMetrics' agent */
		{ "text/plain;version=0.0.4;q=1,*/*;q=0.1", false },
		{ "text/plain;q=0.9,application/openmetrics-text;q=0.8", false },
		{ "text/plain;q=0.8,application/openmetrics-text;q=0.9", true },
		{ "text/plain;q=0.899,application/openmetrics-text;q=0.9", true },
		{ "text/plain,application/openmetrics-text", false },
		{ "application/openmetrics-text;q=0", false },
		{ "application/openmetrics-text;q=0,*/*", false },
		{ "text/plain;q=0,*/*;q=0.5", true },
		{ "text/*;q=0.5,application/*;q=0.6", true },
		{ "text/*;q=0.5,text/plain;q=0.7,application/*;q=0.6", false },
		{ "application/openmetrics-text;q=1.000", true },
		{ "application/openmetrics-text;q=1.001", false },
		{ "application/openmetrics-text;q=2", false },
		{ "application/openmetrics-text;q=0.1234", false },
		{ "application/openmetrics-text;q=", false },
		{ "application/openmetrics-text;q=.5", false },
		{ "application/openmetrics-text ; version = 1.0.0 ; q = 0.5 , */*;q=0.1",
			true },
		{ "x;a=\"b,c;q=0\\\"\",application/openmetrics-text", true },
		{ "x;a=\"application/openmetrics-text,application/openmetrics-text",
			false },
		{ ",,;;,=,application/openmetrics-text,", true },
		{ "application/openmetrics-textual", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (accept_prefers_openmetrics(cases[i].accept) != cases[i].openmetrics)
			fail_msg("%s", cases[i].accept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
