/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * JSON being written: bytes at the end of a buffer that grows. The caller puts the
 * brackets, commas and colons. Where a line a tick is too much for a tree. Pure.
 *
 * Out of memory sticks: what is put after that is dropped, and json_text_error() tells.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. The text does not end with NUL. */
struct json_text {
	char *data; /* owned */
	size_t used, size;
	bool failed;
};

void json_text_put(struct json_text *text, const char *bytes, size_t len);

/* A string constant, as it stands. */
#define json_text_literal(text, literal)                                                 \
	json_text_put(text, "" literal, sizeof(literal) - 1)

void json_text_u64(struct json_text *text, uint64_t value);
void json_text_i64(struct json_text *text, int64_t value);
/* Digits in quotes: a counter. */
void json_text_counter(struct json_text *text, uint64_t value);
/* Microwatts as a number in watts: 20500000 is 20.5. */
void json_text_watts(struct json_text *text, uint64_t uw);
/* Nanoseconds as a number in seconds, all nine digits of them: 20.500000000. */
void json_text_seconds(struct json_text *text, uint64_t ns);
/* Any text, quoted and escaped, control characters too; bytes that are not UTF-8 become
 * U+FFFD. */
void json_text_string(struct json_text *text, const char *string);

/* Forgets the text, not the memory, and an error with it. */
void json_text_clear(struct json_text *text);
/* 0 or -ENOMEM. */
int json_text_error(const struct json_text *text);
/* Frees what it holds, not the struct itself. */
void json_text_deinit(struct json_text *text);
