/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A directory of sysfs with one entry more, which mkdir(2) cannot make there: a tmpfs
 * that has all its entries bind-mounted. What the kernel adds to the directory later
 * is not in it.
 */
#pragma once

#include <sys/types.h>

/*
 * Makes, of dir, such a tmpfs mounted on at, with an empty directory name; marked as
 * place_mount_cover() does. It cannot be written to. -EEXIST: dir has a name already.
 * What was done stays mounted on failure.
 */
int cover_build(const char *dir, const char *name, const char *at, pid_t pid,
	const char *context);
