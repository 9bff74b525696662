/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The columns of vmpower top: which of them fit a width, and where they are. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/top_model.h"

enum top_column {
	TOP_COLUMN_NAME,
	TOP_COLUMN_VCPUS,
	TOP_COLUMN_CPU,
	TOP_COLUMN_DYNAMIC,
	TOP_COLUMN_IDLE,
	TOP_COLUMN_WATTS,
	TOP_COLUMN_JOULES,
	TOP_COLUMN_SHARE,
	TOP_COLUMN_LINK,
	TOP_COLUMN_HISTORY,
	TOP_COLUMNS,
};

struct top_place {
	size_t start, width; /* width 0: it is left out */
};

/*
 * Where each column is in so many columns of a terminal. name_width is the longest
 * name's. Names and dynamic watts are always there, as far as there is room at all.
 */
void top_columns_fit(size_t width, size_t name_width, bool history,
	struct top_place ret_places[TOP_COLUMNS]);

const char *top_column_title(enum top_column column);
/* Whether its text stands at the left. */
bool top_column_is_left(enum top_column column);
/* false: rows cannot be sorted by it. */
bool top_column_sort(enum top_column column, enum top_sort *ret_sort);

/*
 * The number in at most width characters: with these decimals, or fewer, or in
 * thousands (k), millions (M), ...; "#" where it fits in no way. size: of text.
 */
void top_columns_number(
	char *text, size_t size, double number, unsigned int decimals, size_t width);
