/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Facts as a whole, and what processes may do to files. */
#include "config.h"

#include "host/facts.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* linux/capability.h */
#define CAPABILITY_DAC_OVERRIDE	   (UINT64_C(1) << 1)
#define CAPABILITY_DAC_READ_SEARCH (UINT64_C(1) << 2)

/* The line of /proc/PID/status that begins with name, behind it; NULL: none. */
static const char *status_line(const char *status, const char *name)
{
	size_t len = strlen(name);

	while (status) {
		if (strncmp(status, name, len) == 0 && status[len] == ':')
			return status + len + 1;
		status = strchr(status, '\n');
		if (status)
			status++;
	}
	return NULL;
}

/* The numbers of a line: at most max; returns how many. */
static size_t scan_ids(const char *line, uint32_t *ids, size_t max)
{
	const char *end = line ? line + strcspn(line, "\n") : NULL;
	size_t n = 0;

	while (line && n < max) {
		uint64_t id;

		line += strspn(line, " \t");
		if (line >= end || number_scan_u64(&line, end, &id) < 0)
			break;
		ids[n++] = (uint32_t)id;
	}
	return n;
}

int facts_read_process(const char *procfs, pid_t pid, struct facts_process *ret_process)
{
	struct facts_process process = { .pid = pid };
	uint32_t uids[4], gids[4];
	const char *capabilities;
	char status[8192];
	ssize_t n;

	/* Field lists: real, effective, saved, file system (proc(5)). */
	n = rooted_read(procfs, status, sizeof(status), "%d/status", (int)pid);
	if (n < 0)
		return (int)n;
	capabilities = status_line(status, "CapEff");
	if (scan_ids(status_line(status, "Uid"), uids, 4) != 4 ||
		scan_ids(status_line(status, "Gid"), gids, 4) != 4 || !capabilities)
		return -EINVAL;
	process.uid = uids[1];
	process.gid = gids[1];
	process.n_groups = scan_ids(status_line(status, "Groups"), process.groups,
		sizeof(process.groups) / sizeof(process.groups[0]));
	process.capabilities = strtoull(capabilities, NULL, 16);
	*ret_process = process;
	return 0;
}

static bool in_group(const struct facts_process *process, gid_t gid)
{
	if (process->gid == gid)
		return true;
	for (size_t i = 0; i < process->n_groups; i++) {
		if (process->groups[i] == gid)
			return true;
	}
	return false;
}

/* access: R_OK, W_OK or X_OK, which are the bits of a mode's last digit. */
static bool may(const struct facts_process *process, const struct stat *st, int access)
{
	mode_t bits = st->st_mode;

	if (process->capabilities & CAPABILITY_DAC_OVERRIDE)
		return true;
	if (process->capabilities & CAPABILITY_DAC_READ_SEARCH &&
		(S_ISDIR(st->st_mode) ? !(access & W_OK) : access == R_OK))
		return true;
	if (process->uid == st->st_uid)
		bits >>= 6;
	else if (in_group(process, st->st_gid))
		bits >>= 3;
	return ((int)bits & access) == access;
}

static int blocked(const char *path, const struct stat *st, int error,
	struct facts_access *ret_access)
{
	char *blocker = strdup(path);

	if (!blocker)
		return -ENOMEM;
	*ret_access = (struct facts_access){ .error = error, .blocker = blocker };
	if (st) {
		const struct group *group = getgrgid(st->st_gid);

		ret_access->mode = st->st_mode;
		ret_access->gid = st->st_gid;
		ret_access->group = group ? strdup(group->gr_name) : NULL;
	}
	return 0;
}

int facts_check_access(const struct facts_process *process, const char *path, int access,
	struct facts_access *ret_access)
{
	/* As the kernel will see it: without links on the way. */
	cleanup_free char *real = realpath(path, NULL);
	struct stat st;

	if (!real)
		return errno == ENOMEM ? -ENOMEM : blocked(path, NULL, errno, ret_access);
	for (char *slash = strchr(real + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(real, &st) < 0)
			return blocked(real, NULL, errno, ret_access);
		if (!may(process, &st, X_OK))
			return blocked(real, &st, EACCES, ret_access);
		*slash = '/';
	}
	if (stat(real, &st) < 0)
		return blocked(real, NULL, errno, ret_access);
	if (!may(process, &st, access))
		return blocked(real, &st, EACCES, ret_access);
	*ret_access = (struct facts_access){ 0 };
	return 0;
}

int facts_gather(struct facts *facts, const struct facts_paths *paths, const char *domain)
{
	const struct facts_process *server = &facts->hostd.server;
	int r;

	*facts = (struct facts){
		.paths = paths,
		.domain = domain,
		.has_systemd = access(paths->systemd, F_OK) == 0,
	};
	r = facts_gather_hostd(&facts->hostd, paths);
	if (r == 0)
		r = facts_gather_powercap(&facts->powercap, paths, server);
	if (r == 0)
		r = facts_gather_libvirt(&facts->libvirt, paths, server, domain);
	if (r < 0)
		facts_deinit(facts);
	return r;
}

void facts_access_deinit(struct facts_access *access)
{
	free(access->blocker);
	free(access->group);
	*access = (struct facts_access){ 0 };
}

void facts_deinit(struct facts *facts)
{
	for (size_t i = 0; i < facts->powercap.n_zones; i++) {
		free(facts->powercap.zones[i].path);
		facts_access_deinit(&facts->powercap.zones[i].hostd);
	}
	for (size_t i = 0; i < facts->libvirt.n_domains; i++) {
		domain_xml_deinit(&facts->libvirt.domains[i].live);
		facts_access_deinit(&facts->libvirt.domains[i].socket);
	}
	free(facts->libvirt.domains);
	free(facts->libvirt.error);
	free(facts->libvirt.socket);
	facts_access_deinit(&facts->libvirt.access);
	free(facts->hostd.socket);
	free(facts->hostd.server_command);
	free(facts->hostd.user);
	snapshot_unref(facts->hostd.snapshot);
	*facts = (struct facts){ 0 };
}
