/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The worker's user, and how it gives up everything else. */
#pragma once

#include <sys/types.h>

/* Tried in this order; if neither exists, the numbers nobody has everywhere. */
#define PRIVILEGES_USER		 "vmpower"
#define PRIVILEGES_FALLBACK_USER "nobody"
#define PRIVILEGES_FALLBACK_ID	 65534

/* Who the worker is to be. */
void privileges_find_user(uid_t *ret_uid, gid_t *ret_gid);

/*
 * Becomes that user without any other group or capability, for good (no_new_privs),
 * and dies with its parent, the process parent. -ESRCH: that is gone already.
 */
int privileges_drop(uid_t uid, gid_t gid, pid_t parent);
