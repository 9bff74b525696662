/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A file of export rows from arbitrary bytes, read and merged. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/export_parse.h"
#include "host/ledger_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add_row(const struct export_row *row, void *data)
{
	assert(row->until_s > row->since_s && row->zone[0]);
	return ledger_merge_add(data, row);
}

static void print(struct ledger_merge *merge, bool json)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	assert(ledger_merge_print(merge, out, json) >= 0);
	fclose(out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The first bit tells how it is printed. */
	FILE *in = size > 1 ? fmemopen((void *)(uintptr_t)(data + 1), size - 1, "r")
			    : NULL;
	struct ledger_merge *merge = ledger_merge_new();
	char message[EXPORT_MESSAGE_SIZE];
	uint64_t line;
	int r;

	if (in && merge) {
		ledger_merge_begin_file(merge);
		r = export_parse(in, add_row, merge, &line, message);
		assert(r == 0 || r == -EOVERFLOW || (r == -EBADMSG && message[0]));
		assert(line > 0);
		print(merge, data[0] & 1);
	}
	if (in)
		fclose(in);
	ledger_merge_free(merge);
	return 0;
}
