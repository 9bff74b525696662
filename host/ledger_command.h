/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower ledger export, vmpower ledger merge: the command line. */
#pragma once

/*
 * argv[0] is "ledger". Writes to stdout, and what is wrong to stderr; wrong options
 * exit 2. Returns the exit status.
 */
int ledger_command_run(int argc, char **argv);
