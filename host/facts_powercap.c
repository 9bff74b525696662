/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Facts: the powercap tree of this host, and the module that makes it. */
#include "config.h"

#include "host/facts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* Of Intel's processors, and of AMD's since Linux 5.8. */
#define MODULE_NAME "intel_rapl_msr"

/* Zones whose energy hostd shares out. */
static bool is_wanted(const struct facts_paths *paths, const char *zone)
{
	char name[64];

	if (strncmp(zone, "intel-rapl:", strlen("intel-rapl:")) != 0)
		return false;
	if (rooted_read(
		    paths->sysfs, name, sizeof(name), "class/powercap/%s/name", zone) < 0)
		return false;
	return strncmp(name, "package-", strlen("package-")) == 0 ||
	       strcmp(name, "dram\n") == 0;
}

static int add_zone(struct facts_powercap *powercap, const struct facts_paths *paths,
	const struct facts_process *hostd, const char *zone)
{
	struct facts_zone *fact = &powercap->zones[powercap->n_zones];
	uint64_t energy_uj;

	if (asprintf(&fact->path, "%s/class/powercap/%s/energy_uj", paths->sysfs, zone) <
		0)
		return -ENOMEM;
	powercap->n_zones++;
	fact->error = -rooted_read_u64(
		paths->sysfs, &energy_uj, "class/powercap/%s/energy_uj", zone);
	if (hostd->pid == 0)
		return 0;
	return facts_check_access(hostd, fact->path, R_OK, &fact->hostd);
}

static int gather_zones(struct facts_powercap *powercap, const struct facts_paths *paths,
	const struct facts_process *hostd)
{
	cleanup_closedir DIR *class = NULL;
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/class/powercap", paths->sysfs) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	class = opendir(path);
	if (!class)
		return 0;
	powercap->has_class = true;
	for (struct dirent *entry = readdir(class); entry; entry = readdir(class)) {
		int r;

		if (powercap->n_zones == MACHINE_ZONES_MAX ||
			!is_wanted(paths, entry->d_name))
			continue;
		r = add_zone(powercap, paths, hostd, entry->d_name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A line of modules.dep or modules.builtin: "kernel/.../NAME.ko[.xz][: ...]". */
static bool names_module_file(const char *line)
{
	const char *name = strstr(line, "/" MODULE_NAME ".ko");

	return name && !memchr(line, ':', (size_t)(name - line));
}

/* A line of /proc/modules: "NAME SIZE ...". */
static bool names_module(const char *line)
{
	return strncmp(line, MODULE_NAME " ", strlen(MODULE_NAME " ")) == 0;
}

/* Whether a line of the file names the module; -errno when it cannot be read. */
static int file_has_module(
	const char *root, const char *path, bool (*names)(const char *line))
{
	cleanup_close int fd = rooted_open(root, "%s", path);
	cleanup_fclose FILE *file = NULL;
	cleanup_free char *line = NULL;
	size_t size = 0;

	if (fd < 0)
		return fd;
	file = fdopen(fd, "re");
	if (!file)
		return -errno;
	steal_fd(&fd);
	while (getline(&line, &size, file) >= 0) {
		if (names(line))
			return 1;
	}
	return 0;
}

static enum facts_module find_module(const struct facts_paths *paths, const char *release)
{
	char name[256];
	int builtin, dep;

	if (file_has_module(paths->procfs, "modules", names_module) > 0)
		return FACTS_MODULE_LOADED;
	snprintf(name, sizeof(name), "%s/modules.builtin", release);
	builtin = file_has_module(paths->modules, name, names_module_file);
	if (builtin > 0)
		return FACTS_MODULE_LOADED;
	snprintf(name, sizeof(name), "%s/modules.dep", release);
	dep = file_has_module(paths->modules, name, names_module_file);
	if (dep > 0)
		return FACTS_MODULE_UNLOADED;
	return builtin < 0 && dep < 0 ? FACTS_MODULE_UNKNOWN : FACTS_MODULE_ABSENT;
}

/* The processor tells its guests that they are (CPUID 1, ECX bit 31). */
static bool is_virtual(const char *procfs)
{
	cleanup_close int fd = rooted_open(procfs, "cpuinfo");
	cleanup_fclose FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	cleanup_free char *line = NULL;
	size_t size = 0;

	if (!file)
		return false;
	steal_fd(&fd);
	while (getline(&line, &size, file) >= 0) {
		if (strncmp(line, "flags", strlen("flags")) == 0)
			return strstr(line, " hypervisor") != NULL;
	}
	return false;
}

int facts_gather_powercap(struct facts_powercap *powercap,
	const struct facts_paths *paths, const struct facts_process *hostd)
{
	ssize_t n = rooted_read(paths->procfs, powercap->release,
		sizeof(powercap->release), "sys/kernel/osrelease");

	if (n < 0)
		n = 0;
	powercap->release[n] = '\0';
	powercap->release[strcspn(powercap->release, "\n")] = '\0';
	powercap->module = find_module(paths, powercap->release);
	powercap->in_vm = is_virtual(paths->procfs);
	return gather_zones(powercap, paths, hostd);
}
