/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Taking an answer to pieces; what is not known in it is skipped. */
#include "host/riemann_answer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Fields of Msg. */
#define MSG_OK	  2
#define MSG_ERROR 3

enum wire {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_LEN = 2,
	WIRE_FIXED32 = 5,
};

struct field {
	uint64_t number;
	enum wire wire;
	uint64_t value; /* of WIRE_VARINT */
	const char *bytes;
	size_t len; /* of WIRE_LEN */
};

/* Of the message, without the length itself. */
static size_t message_len(const struct riemann_answer *answer)
{
	size_t len = 0;

	for (size_t i = 0; i < RIEMANN_LENGTH_SIZE; i++)
		len = len << 8 | (unsigned char)answer->bytes[i];
	return len;
}

char *riemann_answer_room(struct riemann_answer *answer, size_t *ret_size)
{
	size_t end = RIEMANN_LENGTH_SIZE;

	if (answer->used >= RIEMANN_LENGTH_SIZE)
		end += message_len(answer);
	*ret_size = end - answer->used;
	return answer->bytes + answer->used;
}

int riemann_answer_add(struct riemann_answer *answer, size_t len)
{
	answer->used += len;
	if (answer->used >= RIEMANN_LENGTH_SIZE &&
		message_len(answer) > RIEMANN_ANSWER_MAX)
		return -EBADMSG;
	return 0;
}

bool riemann_answer_is_whole(const struct riemann_answer *answer)
{
	return answer->used >= RIEMANN_LENGTH_SIZE &&
	       answer->used == RIEMANN_LENGTH_SIZE + message_len(answer);
}

static int scan_varint(const char **cursor, const char *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && *cursor < end; shift += 7) {
		unsigned char byte = (unsigned char)*(*cursor)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret_value = value;
			return 0;
		}
	}
	return -EBADMSG;
}

/* Moves *cursor behind the field's bytes, however many they are. */
static int scan_bytes(
	const char **cursor, const char *end, uint64_t len, struct field *field)
{
	if (len > (uint64_t)(end - *cursor))
		return -EBADMSG;
	field->bytes = *cursor;
	field->len = (size_t)len;
	*cursor += len;
	return 0;
}

static int scan_field(const char **cursor, const char *end, struct field *ret_field)
{
	struct field field = { 0 };
	uint64_t tag, len;
	int r;

	r = scan_varint(cursor, end, &tag);
	if (r < 0)
		return r;
	field.number = tag >> 3;
	field.wire = tag & 7;
	switch (field.wire) {
	case WIRE_VARINT:
		r = scan_varint(cursor, end, &field.value);
		break;
	case WIRE_FIXED64:
		r = scan_bytes(cursor, end, 8, &field);
		break;
	case WIRE_LEN:
		r = scan_varint(cursor, end, &len);
		if (r == 0)
			r = scan_bytes(cursor, end, len, &field);
		break;
	case WIRE_FIXED32:
		r = scan_bytes(cursor, end, 4, &field);
		break;
	default:
		r = -EBADMSG;
	}
	if (r == 0)
		*ret_field = field;
	return r;
}

int riemann_answer_is_ok(
	const struct riemann_answer *answer, char *error, size_t error_size)
{
	const char *cursor = answer->bytes + RIEMANN_LENGTH_SIZE;
	const char *end = answer->bytes + answer->used;
	struct field field;
	bool ok = false;

	error[0] = '\0';
	while (cursor < end) {
		int r = scan_field(&cursor, end, &field);

		if (r < 0)
			return r;
		if (field.number == MSG_OK && field.wire == WIRE_VARINT)
			ok = field.value != 0;
		if (field.number != MSG_ERROR || field.wire != WIRE_LEN)
			continue;
		field.len = field.len < error_size ? field.len : error_size - 1;
		memcpy(error, field.bytes, field.len);
		error[field.len] = '\0';
	}
	return ok;
}
