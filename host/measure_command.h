/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The command line of vmpower measure. */
#pragma once

/* argv[0] is "measure". Returns an exit status; wrong usage exits 2. */
int measure_command_run(int argc, char **argv);
