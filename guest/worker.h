/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The unprivileged half of the agent: one thread, one loop over the port, the tree's
 * requests and the next deadline. It sleeps until one of them has something.
 */
#pragma once

#include <sys/types.h>

#include "fuse-powercap/tree.h"
#include "guest/board.h"

struct worker_settings {
	const char *port;
	enum powercap_layout layout;
	mode_t energy_mode;
	gid_t energy_gid;
	struct board *board; /* to show the counters on; NULL: nobody looks */
	int run_fd;	     /* the runtime directory */
	int call_fd;	     /* to the keeper (guest/keeper_call.h) */
};

/*
 * Runs until the keeper closes its end: 0. -errno after a failure, which is logged.
 * The fds stay the caller's.
 */
int worker_run(const struct worker_settings *settings);
