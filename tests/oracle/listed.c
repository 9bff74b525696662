/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Reading patterns and looking lines up in them. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/listed.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

int listed_read(struct listed *listed, const char *path)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	cleanup_free char *line = NULL;
	size_t size = 0;

	*listed = (struct listed){ 0 };
	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#')
			continue;
		if (listed->n == LISTED_MAX)
			return -ENOSPC;
		listed->entry[listed->n].pattern = strdup(line);
		if (!listed->entry[listed->n++].pattern)
			return -ENOMEM;
	}
	return 0;
}

void listed_deinit(struct listed *listed)
{
	for (size_t i = 0; i < listed->n; i++)
		free(listed->entry[i].pattern);
	listed->n = 0;
}

bool listed_take(struct listed *listed, const char *line)
{
	for (size_t i = 0; i < listed->n; i++) {
		if (fnmatch(listed->entry[i].pattern, line, FNM_NOESCAPE) != 0)
			continue;
		listed->entry[i].seen++;
		return true;
	}
	return false;
}
