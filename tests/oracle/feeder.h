/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The same energy for both trees: vmpower-guest is told by its host, which this is,
 * at a unix socket; the kernel's zones by the parameters of their module.
 */
#pragma once

#include <stdint.h>

#include "shared/frame.h"
#include "shared/message.h"

#define FEEDER_ZONES 2

struct feeder {
	int fd;
	const char *parameters; /* the directory of the module's */
	struct frame frame;
	uint64_t seq, t_ns;
	uint64_t uj[FEEDER_ZONES];
};

/*
 * Waits for the agent at a socket, which it makes, and welcomes it with a package and
 * dram. parameters must live as long as the feeder. -ETIMEDOUT, -errno.
 */
int feeder_init(struct feeder *feeder, const char *socket_path, const char *parameters);
void feeder_deinit(struct feeder *feeder);

/* Both trees have so much more when this returns. -errno: one of them may not. */
int feeder_advance(struct feeder *feeder, const uint32_t uj[FEEDER_ZONES]);
