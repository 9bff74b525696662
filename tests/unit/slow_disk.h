/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * write(2) of a program that is linked with -Wl,--wrap=write: to a disk that fills up, or
 * that does not answer.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* How many bytes the disk still takes, whether it answers, and how often it was asked. */
static _Atomic size_t disk_room = SIZE_MAX;
static _Atomic bool disk_blocks;
static _Atomic size_t n_writes;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	while (disk_blocks)
		usleep(1000);
	n_writes++;
	if (size > disk_room)
		size = disk_room;
	if (size == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (disk_room != SIZE_MAX)
		disk_room -= size;
	return __real_write(fd, data, size);
}
