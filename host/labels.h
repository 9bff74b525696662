/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The labels of a domain, which say whose it is: project, user, flavor, and what else
 * its owner wrote. A text of lines "key=value\n" in the order of the keys, each of which
 * is there once; "" is none. Pure.
 *
 * A key is what Prometheus takes for the name of a label: [A-Za-z_][A-Za-z0-9_]*, not
 * with __ in front. A value is any text of one line, and not empty.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of the whole text, with the NUL. */
#define LABELS_SIZE 1024
/* Longer ones are cut. */
#define LABEL_VALUE_MAX 255
#define LABEL_KEY_MAX	63

struct label {
	char key[LABEL_KEY_MAX + 1];
	char value[LABEL_VALUE_MAX + 1];
};

/* Whether it can be a key. */
bool labels_is_key(const char *key);

/*
 * Adds a label, or replaces the one of this key; control characters become spaces,
 * spaces at the ends go, and a value without anything else is no label: then the key's
 * goes, too. -EINVAL: that is no key; -E2BIG: there is no room.
 */
int labels_set(char labels[LABELS_SIZE], const char *key, const char *value);

/* The next label from *cursor on, which begins at the text; *cursor is then behind it.
 * false: there is none, or what follows is no label. */
bool labels_next(const char **cursor, struct label *ret_label);

/* Whether a text of unknown origin is one of labels. */
bool labels_are_valid(const char *text);
