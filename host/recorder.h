/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The recording of hostd --record: a thread that writes ticks into a trace, so that no
 * tick waits for the disk. Copies are handed to it through a short queue; a tick that
 * finds it full is left out of the trace, where the next one is the longer for it.
 *
 * A line that does not get through whole is taken off the file again, so that there are
 * only whole ones in it; but for the last one, after a SIGKILL or a power failure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/output_log.h"
#include "host/trace_writer.h"

/* Ticks that wait for the disk at most. */
#define RECORDER_QUEUE 32

struct recorder;

/*
 * Makes the file, 0600, and starts the thread. -EEXIST: there is something in the file,
 * which is not overwritten. -EINVAL: it is no regular file; -ENOMEM; -errno.
 */
int recorder_start(const char *path, struct recorder **ret_recorder);

/* Takes a copy of the tick. Never blocks. */
void recorder_add(struct recorder *recorder, const struct trace_item *item);

void recorder_status(struct recorder *recorder, struct output_status *ret_status);

/*
 * Writes what waits, ends the thread and frees; the status is that of the end. false:
 * the disk kept it waiting for so long; then what waits is given up, and nothing freed.
 */
bool recorder_stop(
	struct recorder *recorder, uint64_t ms, struct output_status *ret_status);
