/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* /proc/self/mountinfo: fields between spaces, with octal escapes. */
#include "guest/mountinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* What is left of a line. */
struct cursor {
	const char *at;
	const char *end;
};

static bool next_field(struct cursor *cursor, struct cursor *ret_field)
{
	const char *space;

	if (cursor->at == cursor->end)
		return false;
	space = memchr(cursor->at, ' ', (size_t)(cursor->end - cursor->at));
	*ret_field = (struct cursor){ cursor->at, space ? space : cursor->end };
	cursor->at = space ? space + 1 : cursor->end;
	return ret_field->at != ret_field->end;
}

static bool skip_fields(struct cursor *cursor, unsigned int n)
{
	struct cursor field;

	while (n--) {
		if (!next_field(cursor, &field))
			return false;
	}
	return true;
}

/* The optional fields are any number, and a lone hyphen ends them. */
static bool skip_optional_fields(struct cursor *cursor)
{
	struct cursor field;

	while (next_field(cursor, &field)) {
		if (field.end - field.at == 1 && *field.at == '-')
			return true;
	}
	return false;
}

static bool is_octal(const char *digits)
{
	return digits[0] >= '0' && digits[0] <= '3' && digits[1] >= '0' &&
	       digits[1] <= '7' && digits[2] >= '0' && digits[2] <= '7';
}

/* Spaces, tabs, newlines and backslashes come as \040 and so on. */
static int unescape(const struct cursor *field, char *text, size_t size)
{
	size_t used = 0;

	for (const char *p = field->at; p != field->end; p++) {
		char c = *p;

		if (c == '\\' && field->end - p > 3 && is_octal(p + 1)) {
			c = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		}
		if (c == '\0')
			return -EINVAL;
		if (used + 1 == size)
			return -ENAMETOOLONG;
		text[used++] = c;
	}
	text[used] = '\0';
	return 0;
}

int mountinfo_parse(const char *line, size_t len, struct mountinfo *ret_mount)
{
	struct cursor cursor = { line, line + len }, mount_point, type, source;
	struct mountinfo mount;
	int r;

	if (len > 0 && line[len - 1] == '\n')
		cursor.end--;
	/* Id, parent's id, device and root; then the mount point and its options. */
	if (!skip_fields(&cursor, 4) || !next_field(&cursor, &mount_point) ||
		!skip_fields(&cursor, 1) || !skip_optional_fields(&cursor) ||
		!next_field(&cursor, &type) || !next_field(&cursor, &source))
		return -EINVAL;
	r = unescape(&mount_point, mount.mount_point, sizeof(mount.mount_point));
	if (r == 0)
		r = unescape(&type, mount.type, sizeof(mount.type));
	if (r == 0)
		r = unescape(&source, mount.source, sizeof(mount.source));
	if (r < 0)
		return r;
	*ret_mount = mount;
	return 0;
}
