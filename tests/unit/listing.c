/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tree as text, compared with the golden one. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

/* detail with newlines made visible. */
static void escape(const char *detail, char *text, size_t size)
{
	size_t n = 0;

	for (; *detail && n + 3 < size; detail++) {
		if (*detail == '\n') {
			text[n++] = '\\';
			text[n++] = 'n';
		} else {
			text[n++] = *detail;
		}
	}
	text[n] = '\0';
}

void listing_add(struct listing *listing, const char *path, const struct stat *attr,
	const char *detail)
{
	const char *gap = S_ISLNK(attr->st_mode) ? " -> " : " ";
	char text[256] = "";
	char *line;
	int r;

	if (detail)
		escape(detail, text, sizeof(text));
	assert_true(listing->n_lines < LISTING_LINES_MAX);
	r = asprintf(&line, "%s %06o %u %lld%s%s", path, (unsigned int)attr->st_mode,
		(unsigned int)attr->st_nlink, (long long)attr->st_size,
		text[0] ? gap : "", text);
	assert_true(r > 0);
	listing->lines[listing->n_lines++] = line;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void listing_check(struct listing *listing, const char *name)
{
	const char *srcdir = getenv("srcdir");
	cleanup_fclose FILE *golden = NULL;
	char path[512], line[512];
	size_t i = 0;

	snprintf(path, sizeof(path), "%s/tests/fixtures/tree/%s.txt",
		srcdir ? srcdir : ".", name);
	golden = fopen(path, "re");
	if (!golden)
		fail_msg("%s cannot be opened; run this by make check", path);
	qsort(listing->lines, listing->n_lines, sizeof(char *), compare_lines);
	while (fgets(line, sizeof(line), golden)) {
		line[strcspn(line, "\n")] = '\0';
		if (i == listing->n_lines)
			fail_msg("%s: missing: %s", name, line);
		assert_string_equal(listing->lines[i], line);
		free(listing->lines[i++]);
	}
	if (i != listing->n_lines)
		fail_msg("%s: not in it: %s", name, listing->lines[i]);
	listing->n_lines = 0;
}

struct powercap_model listing_model(unsigned int n_packages)
{
	struct powercap_model model = { 0 };

	for (unsigned int i = 0; i < n_packages; i++) {
		char name[POWERCAP_ZONE_NAME_SIZE];

		snprintf(name, sizeof(name), "package-%u", i % 100);
		assert_int_equal(powercap_model_add(&model, name, 262143328850,
					 POWERCAP_ZONE_NO_PARENT),
			0);
		assert_int_equal(
			powercap_model_add(&model, "dram", 65712999613, (int)(2 * i)), 0);
	}
	return model;
}

int listing_read_energy(void *context, unsigned int zone, uint64_t *ret_uj)
{
	(void)context;
	*ret_uj = 1000001 + 100 * zone;
	return 0;
}
