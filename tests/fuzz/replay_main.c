/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Runs a fuzz target over the files of a corpus, where it is not linked with libFuzzer
 * (--enable-fuzzers). Arguments are directories; those with a dash are libFuzzer's.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is copied to a block of its size, so that sanitizers see where it ends. */
static int replay_file(const char *dir, const char *name)
{
	cleanup_free char *whole = malloc(1 << 24), *exact = NULL;
	cleanup_fclose FILE *file = NULL;
	char path[4096];
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file || !whole) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	size = fread(whole, 1, 1 << 24, file);
	exact = malloc(size ? size : 1);
	if (!exact)
		return -1;
	memcpy(exact, whole, size);
	return LLVMFuzzerTestOneInput((const uint8_t *)exact, size) < 0 ? -1 : 0;
}

/* The number of files, or -1. */
static int replay_directory(const char *path)
{
	cleanup_closedir DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay_file(path, entry->d_name) < 0)
			return -1;
		count++;
	}
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = argv[i][0] == '-' ? 0 : replay_directory(argv[i]);

		if (count < 0)
			return 1;
		total += count;
	}
	printf("%s: %d inputs\n", argv[0], total);
	return total == 0;
}
