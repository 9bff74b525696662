/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Text that somebody else chose (domain names, messages of libvirt and of agents),
 * made fit for a terminal: what does not print, has no width of its own or turns
 * the direction of writing is shown as '?'. And the quoting of words for a shell.
 * In the character set of the locale (LC_CTYPE). Pure.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

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
