/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The files about control groups from arbitrary bytes: up to the first NUL those of a
 * task, then those of the mounts.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "host/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(
	const char *path, const char *mounts, size_t mounts_len, const char *controller)
{
	char directory[CGROUP_PATH_SIZE], common[CGROUP_PATH_SIZE],
		rest[CGROUP_PATH_SIZE];

	assert(path[0] == '/' && strlen(path) < CGROUP_PATH_SIZE);
	if (cgroup_parse_mountinfo(mounts, mounts_len, controller, path, directory) == 0)
		assert(strlen(directory) < CGROUP_PATH_SIZE);
	strcpy(rest, path);
	do {
		cgroup_common(path, rest, common);
		assert(strcmp(common, rest) == 0);
		cgroup_common(rest, path, common);
		assert(strcmp(common, rest) == 0);
	} while (cgroup_ascend(rest));
	assert(strcmp(rest, "/") == 0 && !cgroup_is_own(rest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const controllers[] = { NULL, "cpuacct", "name=systemd" };
	const char *text = (const char *)data, *end = text + size, *cursor = text;
	const char *stop = memchr(text, '\0', size), *mounts = stop ? stop + 1 : end;
	char path[CGROUP_PATH_SIZE];
	uint64_t cpu_ns;
	pid_t pid;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		if (cgroup_parse_path(text, (size_t)((stop ? stop : end) - text),
			    controllers[i], path) == 0)
			check_path(path, mounts, (size_t)(end - mounts), controllers[i]);
	}
	(void)cgroup_parse_cpu_stat(text, size, &cpu_ns);
	while (cgroup_next_pid(&cursor, end, &pid))
		assert(pid >= 0 && cursor <= end);
	return 0;
}
