/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Work on a mapped file that may be taken away under it: somebody truncates it, or the
 * file system turned read-only after an error. The kernel says so by SIGBUS, which is
 * an error of the file here, and not the end of the process.
 */
#pragma once

#include <stddef.h>

/*
 * Runs it. -EIO: it faulted in map, was left at that instruction, and what it works on
 * is in no known state; it must own nothing that would be lost then. Other faults are
 * what they always are.
 */
int ledger_guard_run(const void *map, size_t size, void (*run)(void *data), void *data);
