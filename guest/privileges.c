/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Giving up privileges: capabilities(7), prctl(2), credentials(7). */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

void privileges_find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *user = getpwnam(PRIVILEGES_USER);

	*ret_uid = user ? user->pw_uid : PRIVILEGES_FALLBACK_ID;
	*ret_gid = user ? user->pw_gid : PRIVILEGES_FALLBACK_ID;
}

/* No program it could execute would get a capability back. */
static int drop_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

int privileges_drop(uid_t uid, gid_t gid, pid_t parent)
{
	int r;

	r = drop_bounding_set();
	if (r < 0)
		return r;
	/* The last of the three also empties the capability sets. */
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		setresuid(uid, uid, uid) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* A change of credentials resets it, so it comes last. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}
