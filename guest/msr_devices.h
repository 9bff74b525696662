/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The msr devices of all CPUs, and the files mounted over them: the keeper's part of
 * --msr on. What is in the files is guest/msr_server.h's. It never looks at what is
 * below its own mounts, and logs what is wrong, with what to do about it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "guest/board.h"

struct msr_devices {
	/* --msr on; else nothing but what was left is touched. */
	bool on;
	/* For the worker to write on; NULL when off. */
	struct board *board;
	/* The serving process, to be reaped by the keeper; 0: there is none. */
	pid_t server;
	int server_fd;
	/* To wait on for reading: CPUs may have been added. -1: nothing to wait for. */
	int watch_fd;
};

/*
 * Undoes what an agent that was killed has left. With on: -EBUSY: an agent that lives
 * has them; else those are left alone.
 */
int msr_devices_clear(bool on);

/* The same first. With on, -ENOENT: there are no devices; -EPERM: not to be opened. */
int msr_devices_init(struct msr_devices *devices, bool on);

/*
 * Does nothing when off. Starts the server, as that user and group and without the n
 * descriptors, and mounts its files, those of CPUs that are added later when
 * msr_devices_process_watch() is told to look. -errno: nothing is mounted.
 */
int msr_devices_start(
	struct msr_devices *devices, uid_t uid, gid_t gid, const int *fds, size_t n);

/* A CPU that cannot be added is logged, and is as it was. */
void msr_devices_process_watch(struct msr_devices *devices);

/* Unmounts the files, whoever still uses them, and ends the server; again is fine. */
void msr_devices_stop(struct msr_devices *devices);
