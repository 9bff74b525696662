/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Which domains a command is for: by patterns of their names and labels, as a shell has
 * them (fnmatch(3)). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SELECTION_MAX 64

/* A zeroed one selects all. Patterns are the caller's. */
struct selection {
	size_t n_names, n_labels;
	const char *names[SELECTION_MAX];
	const char *labels[SELECTION_MAX]; /* "KEY=PATTERN" */
};

/* -E2BIG; -EINVAL: a label's has no key. */
int selection_add_name(struct selection *selection, const char *pattern);
int selection_add_label(struct selection *selection, const char *pattern);

/*
 * Whether a domain is meant: any of the names' patterns has to match, if there are some,
 * and each of the labels'. labels are host/labels.h's.
 */
bool selection_has(
	const struct selection *selection, const char *name, const char *labels);
