/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Reads of small kernel files below a root (--sysfs, --procfs), so that tests
 * and containers can put another tree in place of /sys and /proc.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opens ROOT/PATH read-only (O_CLOEXEC); the path is a format. Returns the fd,
 * which the caller owns, or -errno (-ENAMETOOLONG over PATH_MAX).
 */
int rooted_open(const char *root, const char *path_format, ...)
	__attribute__((__format__(printf, 2, 3)));

/*
 * Reads a kept-open kernel file again from its start: at most size - 1 bytes and
 * a NUL. Returns the number of bytes, or -errno; -EFBIG when there was more.
 */
ssize_t rooted_reread(int fd, char *buffer, size_t size);

/* Opens, reads as rooted_reread() and closes. */
ssize_t rooted_read(const char *root, char *buffer, size_t size, const char *path_format,
	...) __attribute__((__format__(printf, 4, 5)));

/* A file that holds one decimal number and a newline; -EINVAL if it does not. */
int rooted_read_u64(const char *root, uint64_t *ret_value, const char *path_format, ...)
	__attribute__((__format__(printf, 3, 4)));
