/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A table of columns, and what is left out first. */
#include "host/top_columns.h"

#include <stdio.h>
#include <string.h>

#define NAME_WIDTH     14u
#define NAME_WIDTH_MAX 32u
#define HISTORY_WIDTH  7u
#define NO_SORT	       TOP_SORTS

struct column {
	const char *title;
	size_t width;
	enum top_sort sort;
	bool left;
};

static const struct column columns[TOP_COLUMNS] = {
	[TOP_COLUMN_NAME] = { "DOMAIN", NAME_WIDTH, TOP_SORT_NAME, true },
	[TOP_COLUMN_VCPUS] = { "VCPU", 4, TOP_SORT_VCPUS, false },
	[TOP_COLUMN_CPU] = { "CPU %", 6, TOP_SORT_CPU, false },
	[TOP_COLUMN_DYNAMIC] = { "DYN W", 7, TOP_SORT_DYNAMIC, false },
	[TOP_COLUMN_IDLE] = { "IDLE W", 7, TOP_SORT_IDLE, false },
	[TOP_COLUMN_WATTS] = { "WATTS", 8, TOP_SORT_WATTS, false },
	[TOP_COLUMN_JOULES] = { "JOULES", 10, TOP_SORT_JOULES, false },
	[TOP_COLUMN_SHARE] = { "SHARE", 6, TOP_SORT_WATTS, false },
	[TOP_COLUMN_LINK] = { "GUEST", 11, TOP_SORT_LINK, true },
	[TOP_COLUMN_HISTORY] = { "HISTORY", HISTORY_WIDTH, NO_SORT, true },
};

/* What is left out first. 80 columns have room for all but the first. */
static const enum top_column dropped[] = {
	TOP_COLUMN_WATTS,
	TOP_COLUMN_HISTORY,
	TOP_COLUMN_VCPUS,
	TOP_COLUMN_SHARE,
	TOP_COLUMN_LINK,
	TOP_COLUMN_JOULES,
	TOP_COLUMN_IDLE,
	TOP_COLUMN_CPU,
};

const char *top_column_title(enum top_column column)
{
	return columns[column].title;
}

bool top_column_is_left(enum top_column column)
{
	return columns[column].left;
}

bool top_column_sort(enum top_column column, enum top_sort *ret_sort)
{
	*ret_sort = columns[column].sort;
	return columns[column].sort != NO_SORT;
}

static size_t sum_widths(const struct top_place *places)
{
	size_t sum = 0;

	for (size_t i = 0; i < TOP_COLUMNS; i++)
		sum += places[i].width ? places[i].width + (i > 0) : 0;
	return sum;
}

/* Of what is left over: names first, as far as they are longer, then history. */
static void widen(struct top_place *places, size_t left, size_t name_width)
{
	size_t wish = name_width < NAME_WIDTH_MAX ? name_width : NAME_WIDTH_MAX;
	size_t more = wish > NAME_WIDTH ? wish - NAME_WIDTH : 0;

	if (more > left)
		more = left;
	places[TOP_COLUMN_NAME].width += more;
	left -= more;
	if (places[TOP_COLUMN_HISTORY].width == 0)
		return;
	more = TOP_HISTORY - HISTORY_WIDTH;
	places[TOP_COLUMN_HISTORY].width += more < left ? more : left;
}

void top_columns_fit(size_t width, size_t name_width, bool history,
	struct top_place ret_places[TOP_COLUMNS])
{
	size_t sum, column = 0;

	for (size_t i = 0; i < TOP_COLUMNS; i++)
		ret_places[i] = (struct top_place){ 0, columns[i].width };
	if (!history)
		ret_places[TOP_COLUMN_HISTORY].width = 0;
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]) &&
			   sum_widths(ret_places) > width;
		i++)
		ret_places[dropped[i]].width = 0;
	sum = sum_widths(ret_places);
	if (sum <= width)
		widen(ret_places, width - sum, name_width);
	else
		ret_places[TOP_COLUMN_NAME].width -= sum - width < NAME_WIDTH
							     ? sum - width
							     : NAME_WIDTH;
	for (size_t i = 0; i < TOP_COLUMNS; i++) {
		ret_places[i].start = column;
		column += ret_places[i].width ? ret_places[i].width + 1 : 0;
	}
}

void top_columns_number(
	char *text, size_t size, double number, unsigned int decimals, size_t width)
{
	static const char units[] = "kMGTPE";

	for (unsigned int d = decimals + 1; d-- > 0;) {
		if ((size_t)snprintf(text, size, "%.*f", (int)d, number) <= width)
			return;
	}
	for (const char *unit = units; *unit && number >= 1000; unit++) {
		number /= 1000;
		for (unsigned int d = 3; d-- > 0;) {
			if ((size_t)snprintf(
				    text, size, "%.*f%c", (int)d, number, *unit) <= width)
				return;
		}
	}
	snprintf(text, size, "#");
}
