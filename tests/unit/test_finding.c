/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The doctor's list: order, text and JSON. */
#include "host/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void fill(struct findings *findings)
{
	struct finding *finding;

	findings_add(findings, FINDING_OK, "libvirt", NULL, "libvirt answers");
	finding = findings_add(findings, FINDING_WARNING, "no-channel",
		"web\x1b"
		"1",
		"it has no channel");
	finding_command(findings, finding, "vmpower enroll %s", "web1");
	finding = findings_add(findings, FINDING_ERROR, "first", NULL, "%d is wrong", 1);
	finding_cause(findings, finding, "of %s", "this");
	finding_advice(findings, finding, "do that");
	findings_add(findings, FINDING_ERROR, "second", NULL, "so is 2");
	findings_sort(findings);
}

static void test_text(void **state)
{
	struct findings findings = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	fill(&findings);
	findings_print(out, &findings);
	fclose(out);
	assert_string_equal(text,
		"error: 1 is wrong [first]\n"
		"  cause: of this\n"
		"  cure:  do that\n"
		"error: so is 2 [second]\n"
		"warning: domain web?1: it has no channel [no-channel]\n"
		"  run:   vmpower enroll web1\n"
		"ok: libvirt answers [libvirt]\n"
		"2 errors, 1 warning\n");
	assert_false(findings.out_of_memory);
	free(text);
	findings_deinit(&findings);
}

static void test_json(void **state)
{
	struct findings findings = { 0 };
	cJSON *document;
	char *text;

	(void)state;
	fill(&findings);
	document = findings_json(&findings);
	text = cJSON_PrintUnformatted(document);
	assert_string_equal(text,
		"{\"findings\":["
		"{\"severity\":\"error\",\"check\":\"first\",\"domain\":null,"
		"\"seen\":\"1 is wrong\",\"cause\":\"of this\",\"cure\":\"do that\","
		"\"cure_is_command\":false},"
		"{\"severity\":\"error\",\"check\":\"second\",\"domain\":null,"
		"\"seen\":\"so is 2\",\"cause\":null,\"cure\":null,"
		"\"cure_is_command\":false},"
		"{\"severity\":\"warning\",\"check\":\"no-channel\",\"domain\":\"web\\u001b1\","
		"\"seen\":\"it has no channel\",\"cause\":null,"
		"\"cure\":\"vmpower enroll web1\",\"cure_is_command\":true},"
		"{\"severity\":\"ok\",\"check\":\"libvirt\",\"domain\":null,"
		"\"seen\":\"libvirt answers\",\"cause\":null,\"cure\":null,"
		"\"cure_is_command\":false}],"
		"\"errors\":2,\"warnings\":1}");
	free(text);
	cJSON_Delete(document);
	findings_deinit(&findings);
}

static void test_none(void **state)
{
	struct findings findings = { 0 };
	cJSON *document = findings_json(&findings);

	(void)state;
	assert_int_equal(
		cJSON_GetArraySize(cJSON_GetObjectItem(document, "findings")), 0);
	cJSON_Delete(document);
	/* What a failed findings_add() gave is taken without harm. */
	finding_cause(&findings, NULL, "x");
	finding_command(&findings, NULL, "x");
	finding_advice(&findings, NULL, "x");
	findings_deinit(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
