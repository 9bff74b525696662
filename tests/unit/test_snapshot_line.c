/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick as one line: what the HTTP documents say of it, and exact sums. */
#include "host/snapshot_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/snapshot_json.h"
#include "tests/unit/fake_snapshot.h"

/* The line without its newline, for the caller to free. */
static char *line_of(const struct snapshot *snapshot)
{
	struct json_text text = { 0 };
	char *line;

	snapshot_line_add(snapshot, "hv1", &text);
	assert_int_equal(json_text_error(&text), 0);
	assert_true(text.used > 0 && text.data[text.used - 1] == '\n');
	line = strndup(text.data, text.used - 1);
	assert_int_equal(strlen(line), text.used - 1);
	assert_null(strchr(line, '\n'));
	json_text_deinit(&text);
	return line;
}

static cJSON *parse(const struct snapshot *snapshot)
{
	char *line = line_of(snapshot);
	cJSON *object = cJSON_ParseWithOpts(line, NULL, true);

	assert_non_null(object);
	free(line);
	return object;
}

/* Whatever part has, whole has the same: whole may have more members. */
static void assert_within(const cJSON *part, const cJSON *whole)
{
	const cJSON *item;

	assert_non_null(whole);
	assert_int_equal(part->type & 0xff, whole->type & 0xff);
	if (cJSON_IsArray(part))
		assert_int_equal(cJSON_GetArraySize(part), cJSON_GetArraySize(whole));
	else if (!cJSON_IsObject(part))
		assert_true(cJSON_Compare(part, whole, true));
	for (item = part->child, whole = whole->child; item; item = item->next) {
		const cJSON *other = whole;

		while (cJSON_IsObject(part) && other &&
			strcmp(other->string, item->string) != 0)
			other = other->next;
		assert_within(item, other);
		if (cJSON_IsArray(part))
			whole = whole->next;
	}
}

/* Names and values are those of the HTTP documents, but for the host's name. */
static void test_says_what_http_says(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	cJSON *line, *host = snapshot_json_host(snapshot);
	cJSON *domains = snapshot_json_domains(snapshot);

	(void)state;
	line = parse(snapshot);
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItem(line, "node")), "hv1");
	cJSON_DeleteItemFromObject(line, "node");
	cJSON_AddItemToObject(
		host, "domains", cJSON_DetachItemFromObject(domains, "domains"));
	assert_within(line, host);
	/* And none of it is missing. */
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(line, "zones")), 3);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(line, "domains")), 2);
	cJSON_Delete(line);
	cJSON_Delete(host);
	cJSON_Delete(domains);
	snapshot_unref(snapshot);
}

static uint64_t uj_of(const cJSON *object, const char *name)
{
	const char *digits = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(object, name));

	assert_non_null(digits);
	return strtoull(digits, NULL, 10);
}

static uint64_t share_of(const cJSON *object)
{
	return uj_of(object, "dynamic_uj") + uj_of(object, "idle_uj");
}

static void check_sum(const cJSON *line, const cJSON *zone, const char *when)
{
	const cJSON *account = cJSON_GetObjectItem(zone, when), *domain;
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(zone, "name"));
	uint64_t sum = share_of(cJSON_GetObjectItem(account, "host")) +
		       share_of(cJSON_GetObjectItem(account, "ended_domains")) +
		       uj_of(account, "unattributed_uj");

	cJSON_ArrayForEach (domain, cJSON_GetObjectItem(line, "domains")) {
		const cJSON *of = cJSON_GetObjectItem(
			cJSON_GetObjectItem(domain, "zones"), name);

		if (of)
			sum += share_of(cJSON_GetObjectItem(of, when));
	}
	assert_true(sum > 0);
	assert_int_equal(sum, uj_of(account, "total_uj"));
}

/* A domain that ended not long ago is one of the ended here. */
static void test_adds_up(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	struct tick_share shares[3] = { { 30, 4 }, { 500, 6 } };
	struct snapshot_lingering lingering = { .name = "gone", .zones = shares };
	cJSON *line, *zone;

	(void)state;
	snapshot->n_lingering = 1;
	snapshot->lingering = &lingering;
	snapshot->zones[0].boot.total_uj += 34;
	snapshot->zones[1].boot.total_uj += 506;
	line = parse(snapshot);
	cJSON_ArrayForEach (zone, cJSON_GetObjectItem(line, "zones")) {
		check_sum(line, zone, "energy");
		check_sum(line, zone, "since_boot");
		check_sum(line, zone, "last_tick");
	}
	cJSON_Delete(line);
	snapshot_unref(snapshot);
}

/* Whoever names a domain cannot end the line or break the JSON. */
static void test_hostile_texts(void **state)
{
	static const struct {
		const char *name, *read;
	} cases[] = {
		{ "a\nb\r\"c\\", "a\nb\r\"c\\" },
		{ "\",\"zones\":{}}]}", "\",\"zones\":{}}]}" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snapshot *snapshot = fake_snapshot_new();
		const cJSON *domain;
		cJSON *line;

		snapshot->domains[1].name = cases[i].name;
		snapshot->domains[1].labels = "a=x\"y\\\nb=\xff\n";
		line = parse(snapshot);
		domain = cJSON_GetArrayItem(cJSON_GetObjectItem(line, "domains"), 1);
		assert_string_equal(
			cJSON_GetStringValue(cJSON_GetObjectItem(domain, "name")),
			cases[i].read);
		domain = cJSON_GetObjectItem(domain, "labels");
		assert_string_equal(
			cJSON_GetStringValue(cJSON_GetObjectItem(domain, "a")), "x\"y\\");
		assert_string_equal(
			cJSON_GetStringValue(cJSON_GetObjectItem(domain, "b")),
			"\xef\xbf\xbd");
		cJSON_Delete(line);
		snapshot_unref(snapshot);
	}
}

static void test_nothing_to_say(void **state)
{
	struct snapshot *snapshot = snapshot_new(0, 0);
	char *line;

	(void)state;
	snapshot->source = "estimate";
	line = line_of(snapshot);
	assert_string_equal(line,
		"{\"tick\":\"0\",\"time_ns\":\"0\",\"boottime_ns\":\"0\",\"dt_ns\":\"0\","
		"\"node\":\"hv1\",\"source\":\"estimate\",\"quality\":\"measured\","
		"\"zones\":[],\"domains\":[]}");
	free(line);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_http_says),
		cmocka_unit_test(test_adds_up),
		cmocka_unit_test(test_hostile_texts),
		cmocka_unit_test(test_nothing_to_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
