/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Protocol buffers being written (the wire format of protobuf.dev's "Encoding"), field
 * by field at the end of a buffer that grows. Not a reader, and not a compiler: which
 * fields a message has is the caller's, and a field that is put is there, also where it
 * has its type's default. Pure.
 *
 *	series = protobuf_begin(&out, 1);
 *	protobuf_string(&out, 1, name);
 *	protobuf_end(&out, series);
 *
 * Out of memory sticks, see host/json_text.h, whose bytes these are. Field numbers are
 * 1 .. 2^29 - 1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/json_text.h"

/* uint32, uint64, bool and enum; int32 and int64, cast: below 0 they take ten bytes. */
void protobuf_varint(struct json_text *out, uint32_t field, uint64_t value);
/* sint32 and sint64. */
void protobuf_sint(struct json_text *out, uint32_t field, int64_t value);
/* fixed64; sfixed64, cast. */
void protobuf_fixed64(struct json_text *out, uint32_t field, uint64_t value);
void protobuf_double(struct json_text *out, uint32_t field, double value);
void protobuf_bytes(struct json_text *out, uint32_t field, const char *bytes, size_t len);
/* Any text: bytes that are not UTF-8, which no string may have, become U+FFFD. */
void protobuf_string(struct json_text *out, uint32_t field, const char *string);

/*
 * A message within the message: what is put between the two is its. Returns what the
 * end has to be told; messages end in the reverse of the order that they began in.
 */
size_t protobuf_begin(struct json_text *out, uint32_t field);
void protobuf_end(struct json_text *out, size_t message);
