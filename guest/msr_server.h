/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The agent's third process: it serves the msr files of all CPUs, from the real devices
 * and from the worker's counters (guest/board.h). Who can write a device can do anything
 * to the machine, so this process reads nothing that comes from the host but numbers on
 * a page, and the worker has no device.
 */
#pragma once

#include <stdint.h>

#include "guest/board.h"

/*
 * One CPU, as the keeper hands it over (guest/fd_message.h) with two descriptors: its
 * real device, and an open /dev/fuse that is mounted in the device's place.
 */
struct msr_server_cpu {
	uint32_t cpu;
};

enum { MSR_SERVER_DEVICE, MSR_SERVER_FUSE, MSR_SERVER_N_FDS };

/*
 * Serves what comes over socket_fd, until that is closed: 0. -errno after a failure,
 * which is logged. The fd stays the caller's. It needs CAP_SYS_PTRACE (guest/caller.h).
 */
int msr_server_run(int socket_fd, const struct board *board);
