/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower top: on a terminal, once on stdout, or as a line of JSON for each tick. */
#pragma once

/* argv[0] is "top". Returns the exit status, or ends by the signal that ended it. */
int top_run(int argc, char **argv);
