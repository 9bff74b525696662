/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Files that are whole or not there after a crash: what is written at the end of one
 * leaves no torn tail, and a new one, NAME.new until then, takes the place of NAME in
 * one step. What is in the files, and when it is written, is the caller's.
 *
 * dir_fd is a directory, or AT_FDCWD where name is a path. 0 or -errno.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* At the offset, in a file that ends there; what did not get through is cut off. */
int durable_write_at(int fd, uint64_t at, const void *data, size_t size);

/*
 * Opens NAME.new; the fd, which the caller closes, or -errno. flags are open()'s access
 * mode and O_TRUNC, or O_EXCL: then one that a process left that was killed is removed.
 */
int durable_open_new(int dir_fd, const char *name, int flags);

/* Writes the stream out to the disk and closes it, unless error is below 0: closes it. */
int durable_close(FILE *stream, int error);

/* NAME.new becomes NAME; if error is below 0 it is removed, and error returned. */
int durable_replace(int dir_fd, const char *name, int error);

/* The same, and the directory is on the disk. */
int durable_install(int dir_fd, const char *name, int error);

/* A new NAME of these bytes, in place of the one that is there. */
int durable_write_file(int dir_fd, const char *name, const void *data, size_t size);
