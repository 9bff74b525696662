/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Labels, sorted. */
#include "host/labels.h"

#include <errno.h>
#include <string.h>

#include "host/utf8.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool labels_is_key(const char *key)
{
	if (!is_letter(key[0]) || (key[0] == '_' && key[1] == '_'))
		return false;
	for (size_t i = 1; key[i]; i++) {
		if (i == LABEL_KEY_MAX || !(is_letter(key[i]) || is_digit(key[i])))
			return false;
	}
	return true;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_blank(char c)
{
	return c == ' ' || is_control(c);
}

/* Without blank ends, and not cut in the middle of a UTF-8 character; its length. */
static size_t trim(const char **value)
{
	const char *begin = *value;
	size_t len;

	while (*begin && is_blank(*begin))
		begin++;
	len = utf8_cut(begin, LABEL_VALUE_MAX);
	while (len > 0 && is_blank(begin[len - 1]))
		len--;
	*value = begin;
	return len;
}

static size_t put_line(char *line, const char *key, const char *value, size_t value_len)
{
	size_t key_len = strlen(key);
	char *at = line + key_len;

	memcpy(line, key, key_len);
	*at++ = '=';
	for (size_t i = 0; i < value_len; i++)
		*at++ = is_control(value[i]) ? ' ' : value[i];
	*at++ = '\n';
	return (size_t)(at - line);
}

/* Where the key's line is, or would be: it is empty then. */
static void find_line(
	const char *labels, const char *key, size_t *ret_begin, size_t *ret_end)
{
	const char *cursor = labels;
	struct label label;
	int order = -1;

	*ret_begin = 0;
	while (order < 0 && labels_next(&cursor, &label)) {
		order = strcmp(label.key, key);
		if (order < 0)
			*ret_begin = (size_t)(cursor - labels);
	}
	*ret_end = order == 0 ? (size_t)(cursor - labels) : *ret_begin;
}

int labels_set(char labels[LABELS_SIZE], const char *key, const char *value)
{
	char line[LABEL_KEY_MAX + 1 + LABEL_VALUE_MAX + 1];
	size_t value_len = trim(&value), len = 0, begin, end, behind;

	if (!labels_is_key(key))
		return -EINVAL;
	if (value_len > 0)
		len = put_line(line, key, value, value_len);
	find_line(labels, key, &begin, &end);
	behind = strlen(labels + end) + 1;
	if (begin + len + behind > LABELS_SIZE)
		return -E2BIG;
	memmove(labels + begin + len, labels + end, behind);
	memcpy(labels + begin, line, len);
	return 0;
}

/* Up to the byte that ends it, which *cursor is then behind. false: it is too long. */
static bool take(const char **cursor, char end, char *text, size_t max)
{
	const char *at = strchr(*cursor, end);
	size_t len = at ? (size_t)(at - *cursor) : max + 1;

	if (len > max)
		return false;
	memcpy(text, *cursor, len);
	text[len] = '\0';
	*cursor = at + 1;
	return true;
}

bool labels_next(const char **cursor, struct label *ret_label)
{
	const char *at = *cursor;

	if (!take(&at, '=', ret_label->key, LABEL_KEY_MAX) ||
		!take(&at, '\n', ret_label->value, LABEL_VALUE_MAX))
		return false;
	*cursor = at;
	return true;
}

static bool is_value(const char *value)
{
	for (const char *at = value; *at; at++) {
		if (is_control(*at))
			return false;
	}
	return value[0];
}

bool labels_are_valid(const char *text)
{
	char before[LABEL_KEY_MAX + 1] = "";
	const char *cursor = text;
	struct label label;

	if (strlen(text) >= LABELS_SIZE)
		return false;
	while (labels_next(&cursor, &label)) {
		if (!labels_is_key(label.key) || !is_value(label.value) ||
			strcmp(label.key, before) <= 0)
			return false;
		memcpy(before, label.key, sizeof(before));
	}
	return *cursor == '\0';
}
