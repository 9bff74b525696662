/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The table of vmpower list, to the letter. */
#include "host/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_snapshot.h"

static char *print(const struct snapshot *snapshot)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	list_print(out, snapshot);
	fclose(out);
	return text;
}

static void test_table(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	char *text;

	(void)state;
	snapshot->zones[0].sum.host = (struct tick_share){ 4000000000, 50000000 };
	snapshot->zones[0].sum.ended = (struct tick_share){ 70000000, 0 };
	snapshot->zones[0].last.ended = (struct tick_share){ 300000, 200000 };
	snapshot->zones[0].last.total_uj += 500000;
	text = print(snapshot);
	assert_string_equal(text,
		"source=powercap  quality=measured  idle-policy=reserved  tick=1.000s\n"
		"\n"
		"DOMAIN            ID VCPUS    DYN W   IDLE W    WATTS      JOULES  GUEST\n"
		"web1               3     4    13.00     3.25    16.25     10002.5  up\n"
		"db?[31m            4     4     0.00     5.25     5.25         0.5  "
		"no-channel, paused\n"
		"(ended)                        0.30     0.20     0.50        70.0\n"
		"(host)                        10.50    11.00    21.50      4053.0\n"
		"(unattributed)                                   0.00         0.0\n"
		"\n"
		"LAST TICK, uJ        DOMAINS +          HOST +  UNATTRIBUTED =          ZONE\n"
		"package-0           20500000 +      19999999 +             1 =      40500000\n"
		"dram-0               1500000 +       1500000 +             0 =       3000000\n"
		"\n"
		"IDLE POWER             WATTS   ORIGIN\n"
		"package-0              20.50   learned\n"
		"dram-0                  0.00   learned; the host was not idle yet\n");
	free(text);
	snapshot_unref(snapshot);
}

static void test_fits_80_columns(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	char *text, *save;

	(void)state;
	/* Some weeks at 400 W. */
	snapshot->zones[0].sum = (struct snapshot_account){ .total_uj = 999999999999999 };
	snapshot->domains[0].zones[0].sum = (struct tick_share){ 999999999999999, 0 };
	snapshot->domains[1].link.state = LINK_UNREACHABLE;
	snapshot->domains[1].paused = false;
	text = print(snapshot);
	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		assert_in_range(strlen(line), 1, 80);
	free(text);
	snapshot_unref(snapshot);
}

static void test_says_what_is_wrong(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	char *text;

	(void)state;
	snapshot->source = "estimate";
	snapshot->quality = MESSAGE_ESTIMATED;
	snapshot->libvirt_connected = false;
	snapshot->domains[0].id = -1;
	snapshot->zones[1].state = TICK_ZONE_EXCLUDED;
	snapshot->zones[1].problem = "energy_uj is empty;\treload it";
	snapshot->zones[0].state = TICK_ZONE_AMBIGUOUS;
	text = print(snapshot);
	assert_non_null(strstr(text, "source=estimate  quality=estimated"));
	assert_non_null(strstr(text, "estimate from CPU time, not a measurement"));
	assert_non_null(strstr(text, "libvirt is away"));
	assert_non_null(strstr(text, "\nweb1               -     4 "));
	assert_non_null(
		strstr(text, "dram-0 is excluded: energy_uj is empty;?reload it\n"));
	assert_non_null(strstr(text, "package-0 may have wrapped unseen"));
	free(text);
	snapshot_unref(snapshot);
}

static void test_long_names_keep_the_others_aligned(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	char *text;

	(void)state;
	snapshot->domains[1].name = "a-name-of-more-than-thirty-two-characters";
	text = print(snapshot);
	assert_non_null(strstr(text, "\nweb1               3     4 "));
	assert_non_null(
		strstr(text, "\na-name-of-more-than-thirty-two-characters     4     4 "));
	free(text);
	snapshot_unref(snapshot);
}

static void test_no_domains(void **state)
{
	struct snapshot *snapshot = snapshot_new(0, 0);
	char *text;

	(void)state;
	snapshot->source = "powercap";
	snapshot->idle_policy = "reserved";
	text = print(snapshot);
	assert_non_null(strstr(text, "(host)"));
	free(text);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_fits_80_columns),
		cmocka_unit_test(test_says_what_is_wrong),
		cmocka_unit_test(test_long_names_keep_the_others_aligned),
		cmocka_unit_test(test_no_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
