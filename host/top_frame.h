/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Lines of character cells, of a width and a height: what is written beyond them is
 * not there. All text goes through host/text.h, so that no cell ever holds what a
 * terminal would obey. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <wchar.h>

enum top_look {
	TOP_LOOK_PLAIN,
	TOP_LOOK_STRONG,
	TOP_LOOK_BAR, /* titles */
	TOP_LOOK_BAR_STRONG,
	TOP_LOOK_SELECTED,
	TOP_LOOK_ALERT,
};

struct top_cell {
	wchar_t character; /* 0: the right half of the one before */
	uint8_t look;
};

/* A zeroed one is empty. */
struct top_frame {
	size_t width, height;
	size_t size;
	struct top_cell *cells; /* [line * width + column] */
};

/* Blank, of this size. -ENOMEM leaves it empty. */
int top_frame_reset(struct top_frame *frame, size_t width, size_t height);

/*
 * Writes text from the column on, cut at end (and at the width). Returns the column
 * behind it.
 */
size_t top_frame_put(struct top_frame *frame, size_t line, size_t column, size_t end,
	const char *text);
/* Likewise a single character of the program's own, of one column. */
size_t top_frame_put_character(
	struct top_frame *frame, size_t line, size_t column, wchar_t character);
size_t top_frame_printf(struct top_frame *frame, size_t line, size_t column,
	const char *format, ...) __attribute__((__format__(printf, 4, 5)));

/* The look of the columns from..end. */
void top_frame_set_look(struct top_frame *frame, size_t line, size_t from, size_t end,
	enum top_look look);

static inline const struct top_cell *top_frame_cell(
	const struct top_frame *frame, size_t line, size_t column)
{
	return &frame->cells[line * frame->width + column];
}

/* As lines of text in the locale's character set, without blanks at their ends. */
void top_frame_print(FILE *out, const struct top_frame *frame, size_t n_lines);

/* Frees what it holds, not the struct itself. */
void top_frame_deinit(struct top_frame *frame);
