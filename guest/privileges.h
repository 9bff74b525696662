/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The worker's user, and how it gives up everything else. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define PRIVILEGES_USER "vmpower"
/*
 * User and group where that one does not exist. Not nobody, whose processes could
 * read the worker's files; a number that no distribution gives away: above 60577 and
 * below systemd's dynamic users (61184). It needs no entry in passwd(5).
 */
#define PRIVILEGES_FALLBACK_ID 61047

/* Who the worker is to be. */
void privileges_find_user(uid_t *ret_uid, gid_t *ret_gid);

/* Gives up those capabilities (bits by number), for good. -errno. */
int privileges_forget(uint64_t capabilities);

/*
 * Becomes that user without any other group or capability than those kept (bits by
 * number), for good (no_new_privs), and dies with its parent, the process parent.
 * -ESRCH: that is gone already; -EPERM: it has not got those to be kept.
 */
int privileges_drop(uid_t uid, gid_t gid, uint64_t kept, pid_t parent);
