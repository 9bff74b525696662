/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Patterns of names and labels. */
#include "host/selection.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "host/labels.h"

int selection_add_name(struct selection *selection, const char *pattern)
{
	if (selection->n_names == SELECTION_MAX)
		return -E2BIG;
	selection->names[selection->n_names++] = pattern;
	return 0;
}

int selection_add_label(struct selection *selection, const char *pattern)
{
	char key[LABEL_KEY_MAX + 1] = "";
	size_t len = strcspn(pattern, "=");

	if (selection->n_labels == SELECTION_MAX)
		return -E2BIG;
	if (len < sizeof(key))
		memcpy(key, pattern, len);
	if (pattern[len] != '=' || !labels_is_key(key))
		return -EINVAL;
	selection->labels[selection->n_labels++] = pattern;
	return 0;
}

static bool has_name(const struct selection *selection, const char *name)
{
	for (size_t i = 0; i < selection->n_names; i++) {
		if (fnmatch(selection->names[i], name, 0) == 0)
			return true;
	}
	return selection->n_names == 0;
}

static bool has_label(const char *pattern, const char *labels)
{
	size_t len = strcspn(pattern, "=");
	struct label label;

	while (labels_next(&labels, &label)) {
		if (strlen(label.key) == len && strncmp(label.key, pattern, len) == 0)
			return fnmatch(pattern + len + 1, label.value, 0) == 0;
	}
	return false;
}

bool selection_has(
	const struct selection *selection, const char *name, const char *labels)
{
	for (size_t i = 0; i < selection->n_labels; i++) {
		if (!has_label(selection->labels[i], labels))
			return false;
	}
	return has_name(selection, name);
}
