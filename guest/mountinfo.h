/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Lines of /proc/self/mountinfo (proc(5)). Pure. It tells what is mounted where
 * without a system call that goes through the mount, which could hang.
 */
#pragma once

#include <limits.h>
#include <stddef.h>

#define MOUNTINFO_TYPE_SIZE 64

struct mountinfo {
	char mount_point[PATH_MAX];
	char type[MOUNTINFO_TYPE_SIZE];
	char source[PATH_MAX];
};

/*
 * Parses one line, with or without its newline. -EINVAL: it is not one of
 * mountinfo's; -ENAMETOOLONG: a field does not fit.
 */
int mountinfo_parse(const char *line, size_t len, struct mountinfo *ret_mount);
