/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* /proc/PID/status and /proc/PID/ns/user. */
#include "guest/caller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/rooted.h"

/* More than it ever is: lists of CPUs in it are as long as there are CPUs. */
#define STATUS_SIZE 16384

static int read_user_namespace(const char *pid, char name[64])
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/ns/user", pid);
	n = readlink(path, name, 63);
	if (n < 0)
		return -errno;
	name[n] = '\0';
	return 0;
}

int caller_rule_init(struct caller_rule *rule, unsigned int capability)
{
	struct caller_rule own = { .capability = capability };
	int r;

	r = read_user_namespace("self", own.user_namespace);
	if (r < 0)
		return r;
	*rule = own;
	return 0;
}

static int read_effective(const char *pid, uint64_t *ret_capabilities)
{
	char status[STATUS_SIZE];
	const char *line;
	ssize_t n;

	n = rooted_read("/proc", status, sizeof(status), "%s/status", pid);
	if (n < 0)
		return (int)n;
	line = strstr(status, "\nCapEff:");
	if (!line || sscanf(line, "\nCapEff: %" SCNx64, ret_capabilities) != 1)
		return -EBADMSG;
	return 0;
}

int caller_check(const struct caller_rule *rule, pid_t pid)
{
	char name[64], number[16];
	uint64_t capabilities;
	int r;

	if (pid <= 0)
		return -EPERM;
	snprintf(number, sizeof(number), "%d", (int)pid);
	r = read_effective(number, &capabilities);
	if (r == 0)
		r = read_user_namespace(number, name);
	if (r < 0)
		return r;
	/* What it may do in a namespace below ours is nothing to the machine. */
	if (strcmp(name, rule->user_namespace) != 0)
		return -EPERM;
	return capabilities >> rule->capability & 1 ? 0 : -EPERM;
}
