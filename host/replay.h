/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower replay: a trace through the daemon's own meter, and a line of JSON for each
 * tick on standard output.
 */
#pragma once

#include "host/meter.h"

/*
 * path "-" is standard input. Says on stderr what is wrong. Returns the exit status: a
 * reader of the output that has seen enough and closes it is no failure.
 */
int replay_run(const char *path, const struct meter_options *options);
