/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The privileged half of the agent: it opens the port and mounts when the worker
 * asks (guest/keeper_call.h), waits, and unmounts when the worker has ended, however
 * it did. It reads nothing that comes from the host.
 */
#pragma once

#include "guest/settings.h"

/*
 * Runs until the worker ends or SIGTERM or SIGINT comes. Returns the program's exit
 * code: EXIT_SUCCESS after an orderly end, else EXIT_FAILURE; why is logged.
 */
int keeper_run(const struct settings *settings);
