/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Finds the kernel threads that work for QEMUs, vhost-PID and kvm-pit/PID. Nothing
 * lists them by QEMU, so all of PROCFS is looked through, a few entries at a time.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kthread_scan {
	const char *procfs; /* must outlive it */
	DIR *directory;	    /* owned; NULL between two passes */
	bool due;	    /* for another pass from the start */
};

/* Begins a pass at the next step; one that is under way is finished before. */
void kthread_scan_request(struct kthread_scan *scan);

/*
 * Looks at entries until it finds such a thread or *budget, which it counts down,
 * is used up. false: none found with what was left of it.
 */
bool kthread_scan_next(
	struct kthread_scan *scan, unsigned *budget, pid_t *ret_tid, pid_t *ret_owner);

void kthread_scan_deinit(struct kthread_scan *scan);
