/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Characters into cells. */
#include "host/top_frame.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/text.h"
#include "shared/array.h"

/* A line that the program makes of numbers; untrusted text is put on its own. */
#define PRINTF_SIZE 512

int top_frame_reset(struct top_frame *frame, size_t width, size_t height)
{
	size_t n = width * height;

	frame->width = frame->height = 0;
	if (array_reserve(&frame->cells, &frame->size, n) < 0)
		return -ENOMEM;
	frame->width = width;
	frame->height = height;
	for (size_t i = 0; i < n; i++)
		frame->cells[i] = (struct top_cell){ L' ', TOP_LOOK_PLAIN };
	return 0;
}

void top_frame_deinit(struct top_frame *frame)
{
	free(frame->cells);
	memset(frame, 0, sizeof(*frame));
}

static struct top_cell *cell_at(struct top_frame *frame, size_t line, size_t column)
{
	return &frame->cells[line * frame->width + column];
}

size_t top_frame_put(
	struct top_frame *frame, size_t line, size_t column, size_t end, const char *text)
{
	size_t left = strlen(text);

	if (line >= frame->height)
		return column;
	if (end > frame->width)
		end = frame->width;
	while (left > 0) {
		wchar_t character;
		size_t columns, len = text_next(text, left, &character, &columns);

		if (columns == 0)
			columns = 1;
		if (column + columns > end)
			break;
		cell_at(frame, line, column)->character = character;
		for (size_t i = 1; i < columns; i++)
			cell_at(frame, line, column + i)->character = 0;
		column += columns;
		text += len;
		left -= len;
	}
	return column;
}

size_t top_frame_put_character(
	struct top_frame *frame, size_t line, size_t column, wchar_t character)
{
	if (line < frame->height && column < frame->width)
		cell_at(frame, line, column)->character = character;
	return column + 1;
}

size_t top_frame_printf(
	struct top_frame *frame, size_t line, size_t column, const char *format, ...)
{
	char text[PRINTF_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return top_frame_put(frame, line, column, frame->width, text);
}

void top_frame_set_look(
	struct top_frame *frame, size_t line, size_t from, size_t end, enum top_look look)
{
	for (size_t i = from; line < frame->height && i < end && i < frame->width; i++)
		cell_at(frame, line, i)->look = (uint8_t)look;
}

static void print_character(FILE *out, wchar_t character)
{
	char bytes[MB_LEN_MAX];
	mbstate_t state = { 0 };
	size_t len = wcrtomb(bytes, character, &state);

	if (len == (size_t)-1)
		fputc('?', out);
	else
		fwrite(bytes, 1, len, out);
}

void top_frame_print(FILE *out, const struct top_frame *frame, size_t n_lines)
{
	for (size_t line = 0; line < n_lines && line < frame->height; line++) {
		size_t end = frame->width;

		while (end > 0 && top_frame_cell(frame, line, end - 1)->character == L' ')
			end--;
		for (size_t i = 0; i < end; i++) {
			wchar_t character = top_frame_cell(frame, line, i)->character;

			if (character)
				print_character(out, character);
		}
		fputc('\n', out);
	}
}
