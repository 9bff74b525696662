/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a process that waits for our answer is capable of, as the kernel would ask it
 * (capabilities(7), user_namespaces(7)). It must wait: its number could be another's
 * otherwise. Who asks needs CAP_SYS_PTRACE, to see the user namespaces of others.
 */
#pragma once

#include <sys/types.h>

struct caller_rule {
	/* What it must be capable of, and the user namespace where that counts. */
	unsigned int capability;
	char user_namespace[64];
};

/* A rule for our own user namespace. -errno of readlink(2). */
int caller_rule_init(struct caller_rule *rule, unsigned int capability);

/*
 * 0: it is capable; -EPERM: it is not, or is not seen here (pid 0); another -errno: it
 * cannot be found out.
 */
int caller_check(const struct caller_rule *rule, pid_t pid);
