/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What a merge says: sums, gaps, overlaps; as a table's lines or as NDJSON. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/message.h"

struct merge_sum {
	const char *uuid, *zone, *kind;
	char *name, *labels; /* untrusted text; owned; labels as in an export */
	uint64_t named_s;    /* when it was called so, */
	uint64_t labelled_s; /* and when it had these */
	uint64_t energy_uj;
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
};

struct merge_finding {
	bool is_overlap; /* else a gap */
	const char *uuid;
	uint64_t since_s, until_s; /* since 0: no beginning */
	uint64_t ns;		   /* how much of that time is on no record, or on two */
	const char *hosts[2];	   /* on whose it is; "": nobody's */
};

void merge_print_head(FILE *out);
/* -ENOMEM. */
int merge_print_sum(FILE *out, const struct merge_sum *sum, bool json);
int merge_print_finding(FILE *out, const struct merge_finding *finding, bool json);
