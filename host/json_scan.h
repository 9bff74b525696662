/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A cursor over one JSON text (RFC 8259). The caller pulls what it expects and skips
 * what it does not know; there is no tree and no memory. Whole numbers are exact up to
 * 64 bits, which no double is. Pure.
 *
 * Every function that returns int returns -EBADMSG where something else is there:
 * json_scan_expected() then says what should have been, and the cursor is at it.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "host/json_string.h"

/* Deeper values cannot be skipped. */
#define JSON_SCAN_DEPTH_MAX 64

struct json_scan {
	const char *start, *at, *end;
	const char *expected;
};

static inline void json_scan_init(struct json_scan *scan, const char *text, size_t len)
{
	*scan = (struct json_scan){ .start = text, .at = text, .end = text + len };
}

/* What an error is about: "',' or '}'", "a string". */
static inline const char *json_scan_expected(const struct json_scan *scan)
{
	return scan->expected;
}

/* Says what should be at the cursor; -EBADMSG. */
static inline int json_scan_expect(struct json_scan *scan, const char *expected)
{
	scan->expected = expected;
	return -EBADMSG;
}

/* The character at the cursor; 0: the end. */
static inline char json_scan_look(const struct json_scan *scan)
{
	return scan->at == scan->end ? '\0' : *scan->at;
}

/* The next character that is no white space; 0: the end. */
char json_scan_peek(struct json_scan *scan);

/* Passes the opening bracket of an object ('{') or an array ('['). */
int json_scan_open(struct json_scan *scan, char bracket);

/*
 * 1: one more member or element follows, the *n-th so far; 0: the closing bracket
 * ('}' or ']') has been passed. *n begins with 0.
 */
int json_scan_next(struct json_scan *scan, char bracket, size_t *n);

/* The name of a member, and the colon. */
int json_scan_key(struct json_scan *scan, struct json_string *ret_key);

int json_scan_string(struct json_scan *scan, struct json_string *ret_string);

/* Numbers are bare, or strings of nothing but a number. A whole one of 0 or more: */
int json_scan_u64(struct json_scan *scan, uint64_t *ret_value);
/* A whole one. */
int json_scan_i64(struct json_scan *scan, int64_t *ret_value);
/* One of 0 or more in units of 10^-digits, rounded: 20.5 and 6 is 20500000. */
int json_scan_fixed(struct json_scan *scan, unsigned digits, uint64_t *ret_value);

/* Any value. */
int json_scan_skip(struct json_scan *scan);

/* Nothing but white space is left. */
int json_scan_end(struct json_scan *scan);
