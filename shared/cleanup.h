/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Owning locals that release themselves at the end of their scope, and the
 * steal_ helpers that hand what they own over to somebody else.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((__cleanup__(function)))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define cleanup_free	 cleanup(cleanup_freep)
#define cleanup_close	 cleanup(cleanup_closep)
#define cleanup_fclose	 cleanup(cleanup_fclosep)
#define cleanup_closedir cleanup(cleanup_closedirp)

/* The fd, which *fd no longer owns. */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* The pointer, which the variable behind p no longer owns. */
#define steal_pointer(p)                                                                 \
	({                                                                               \
		__typeof__(*(p)) stolen_ = *(p);                                         \
		*(p) = NULL;                                                             \
		stolen_;                                                                 \
	})
