/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Giving up privileges: capabilities(7), prctl(2), credentials(7). */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void privileges_find_user(uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *user = getpwnam(PRIVILEGES_USER);

	*ret_uid = user ? user->pw_uid : PRIVILEGES_FALLBACK_ID;
	*ret_gid = user ? user->pw_gid : PRIVILEGES_FALLBACK_ID;
}

/* Of 64 bits in two parts, as the system calls have them. */
struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int get_permitted(uint64_t *ret_permitted)
{
	struct capabilities own = { .header = {
					    .version = _LINUX_CAPABILITY_VERSION_3 } };
	uint64_t permitted = 0;

	if (syscall(SYS_capget, &own.header, own.data) < 0)
		return -errno;
	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		permitted |= (uint64_t)own.data[i].permitted << 32 * i;
	*ret_permitted = permitted;
	return 0;
}

/* Keeps of those it has only these; -EPERM: it has not got all of them. */
static int set_capabilities(uint64_t kept)
{
	struct capabilities wanted = {
		.header = { .version = _LINUX_CAPABILITY_VERSION_3 },
	};

	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		wanted.data[i].permitted = (uint32_t)(kept >> 32 * i);
		wanted.data[i].effective = wanted.data[i].permitted;
	}
	return syscall(SYS_capset, &wanted.header, wanted.data) < 0 ? -errno : 0;
}

/* No program it could execute would get one of these back. */
static int drop_bounding(uint64_t capabilities)
{
	for (unsigned int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if ((capabilities >> cap & 1) == 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

int privileges_forget(uint64_t capabilities)
{
	uint64_t permitted = 0;
	int r;

	r = get_permitted(&permitted);
	if (r == 0)
		r = drop_bounding(capabilities);
	return r < 0 ? r : set_capabilities(permitted & ~capabilities);
}

int privileges_drop(uid_t uid, gid_t gid, uint64_t kept, pid_t parent)
{
	int r;

	r = drop_bounding(UINT64_MAX);
	if (r < 0)
		return r;
	/* The last of the three empties the capability sets, but for what is permitted.
	 */
	if (prctl(PR_SET_KEEPCAPS, kept != 0, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
		setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	r = set_capabilities(kept);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* A change of credentials resets it, so it comes last. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}
