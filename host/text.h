/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Text that somebody else chose (domain names, messages of libvirt and of agents),
 * made fit for a terminal: what does not print, has no width of its own, turns the
 * direction of writing or is written from right to left is shown as '?'. And the quoting
 * of words for a shell. In the character set of the locale (LC_CTYPE). Pure.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

/*
 * The first character of text, which has left bytes, and its columns; 0 columns: '?',
 * which takes one, has to stand for it. Returns how many bytes it is made of.
 */
size_t text_next(
	const char *text, size_t left, wchar_t *ret_character, size_t *ret_columns);

/* Writes text to out; returns the columns it takes. */
size_t text_print(FILE *out, const char *text);

/* As text_print(), then spaces up to width columns; longer text is not cut. */
void text_print_padded(FILE *out, const char *text, size_t width);

/* The columns that text_print() takes. */
size_t text_width(const char *text);

/*
 * text as one word for sh(1): bare where that is safe, else in single quotes. The
 * caller frees it; NULL: no memory.
 */
char *text_quote(const char *text);
