/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A process that looks like a QEMU in /proc, with threads that use as much CPU time as
 * a test says, when it says so. It is the test program itself, started again.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct fake_qemu {
	pid_t pid;
	int control;
};

/* First thing in main(): does not return in a process that is to be a fake QEMU. */
void fake_qemu_main(int argc, char **argv);

/* Its command line has -uuid UUID. It has one thread. These abort when they fail. */
void fake_qemu_start(struct fake_qemu *qemu, const char *uuid);

/* Ends it at once, and waits for that. */
void fake_qemu_kill(struct fake_qemu *qemu);

/* A thread of this name. Returns its number, from 1; thread 0 is the first one. */
unsigned fake_qemu_start_thread(struct fake_qemu *qemu, const char *name);

/* Returns when the thread has used cpu_ms more. Returns all it used so far, in ns. */
uint64_t fake_qemu_burn(struct fake_qemu *qemu, unsigned thread, unsigned cpu_ms);

/* A thread that uses cpu_ms and is gone; returns what it used, in ns. */
uint64_t fake_qemu_burst(struct fake_qemu *qemu, unsigned cpu_ms);

/* All its threads but the first from now on wake up every period_ms; 0: no more. */
void fake_qemu_tick(struct fake_qemu *qemu, unsigned period_ms);
