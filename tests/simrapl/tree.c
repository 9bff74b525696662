/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A sysfs root with powercap zones, CPUs and NUMA nodes. */
#include "tests/simrapl/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/cleanup.h"

#define POWERCAP  "devices/virtual/powercap/intel-rapl"
#define NAME_SIZE 64
#define PATH_SIZE 256

/* What is being made. After the first error nothing more is. */
struct build {
	int fd;
	int error;
};

struct attribute {
	const char *name;
	mode_t mode;
	const char *value;
};

/* What the device core puts into every directory. */
static const struct attribute device_attributes[] = {
	{ "uevent", 0644, "" },
	{ "power/control", 0644, "auto" },
	{ "power/runtime_status", 0444, "unsupported" },
	{ "power/runtime_active_time", 0444, "0" },
	{ "power/runtime_suspended_time", 0444, "0" },
	{ NULL, 0, NULL },
};

/* MAX stands for the zone's maximum power, RANGE for its range. */
static const struct attribute package_attributes[] = {
	{ "enabled", 0644, "1" },
	{ "energy_uj", 0400, "0" },
	{ "max_energy_range_uj", 0444, "RANGE" },
	{ "constraint_0_name", 0444, "long_term" },
	{ "constraint_0_max_power_uw", 0444, "MAX" },
	{ "constraint_0_power_limit_uw", 0644, "MAX" },
	{ "constraint_0_time_window_us", 0644, "999424" },
	{ "constraint_1_name", 0444, "short_term" },
	{ "constraint_1_max_power_uw", 0444, "MAX" },
	{ "constraint_1_power_limit_uw", 0644, "MAX" },
	{ "constraint_1_time_window_us", 0644, "2440" },
	{ NULL, 0, NULL },
};

static const struct attribute dram_attributes[] = {
	{ "enabled", 0644, "0" },
	{ "energy_uj", 0400, "0" },
	{ "max_energy_range_uj", 0444, "RANGE" },
	{ "constraint_0_name", 0444, "long_term" },
	{ "constraint_0_max_power_uw", 0444, "MAX" },
	{ "constraint_0_power_limit_uw", 0644, "0" },
	{ "constraint_0_time_window_us", 0644, "976" },
	{ NULL, 0, NULL },
};

/* Makes the directories that lead to path. */
static void make_parents(struct build *b, char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(b->fd, path, 0755) < 0 && errno != EEXIST)
			b->error = -errno;
		*slash = '/';
	}
}

static int write_file(int dir_fd, const char *path, mode_t mode, const char *value)
{
	cleanup_close int fd = -1;
	ssize_t n;

	fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(value) ? 0 : -EIO;
}

/* A file with one line, or an empty one. */
__attribute__((__format__(printf, 4, 5))) static void put_file(
	struct build *b, mode_t mode, const char *value, const char *path_format, ...)
{
	char path[PATH_SIZE], line[8 * CPUS_MAX];
	va_list args;

	va_start(args, path_format);
	vsnprintf(path, sizeof(path), path_format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%s%s", value, *value ? "\n" : "");
	make_parents(b, path);
	if (b->error == 0)
		b->error = write_file(b->fd, path, mode, line);
}

static void put_number(
	struct build *b, uint64_t value, const char *path, const char *attribute)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_file(b, 0444, text, "%s/%s", path, attribute);
}

__attribute__((__format__(printf, 3, 4))) static void put_link(
	struct build *b, const char *target, const char *path_format, ...)
{
	char path[PATH_SIZE];
	va_list args;

	va_start(args, path_format);
	vsnprintf(path, sizeof(path), path_format, args);
	va_end(args);
	make_parents(b, path);
	if (b->error == 0 && symlinkat(target, b->fd, path) < 0)
		b->error = -errno;
}

static void put_attributes(struct build *b, const char *path,
	const struct attribute *attributes, const struct tree_limits *limits)
{
	char max[24] = "", range[24] = "";

	if (limits) {
		snprintf(max, sizeof(max), "%" PRIu64, limits->max_power_uw);
		snprintf(range, sizeof(range), "%" PRIu64, limits->range_uj);
	}
	for (; attributes->name; attributes++) {
		const char *value = attributes->value;

		if (strcmp(value, "MAX") == 0)
			value = max;
		else if (strcmp(value, "RANGE") == 0)
			value = range;
		put_file(b, attributes->mode, value, "%s/%s", path, attributes->name);
	}
}

/* intel-rapl:0 or intel-rapl:0:0; the kernel numbers in hex. */
static void format_name(char name[NAME_SIZE], unsigned package, enum tree_kind kind)
{
	snprintf(name, NAME_SIZE, "intel-rapl:%x%s", package,
		kind == TREE_DRAM ? ":0" : "");
}

static void format_path(char path[PATH_SIZE], unsigned package, enum tree_kind kind)
{
	snprintf(path, PATH_SIZE, POWERCAP "/intel-rapl:%x", package);
	if (kind == TREE_DRAM)
		snprintf(path, PATH_SIZE, POWERCAP "/intel-rapl:%x/intel-rapl:%x:0",
			package, package);
}

static void put_package(struct build *b, unsigned package, unsigned package_id,
	const struct tree_limits *limits)
{
	char path[PATH_SIZE], text[NAME_SIZE];

	format_path(path, package, TREE_PACKAGE);
	snprintf(text, sizeof(text), "package-%u", package_id);
	put_file(b, 0444, text, "%s/name", path);
	put_attributes(b, path, package_attributes, limits);
	put_attributes(b, path, device_attributes, NULL);
	put_link(b, "../../intel-rapl", "%s/device", path);
	put_link(b, "../../../../../class/powercap", "%s/subsystem", path);
}

static void put_dram(struct build *b, unsigned package, const struct tree_limits *limits)
{
	char path[PATH_SIZE], target[NAME_SIZE];

	format_path(path, package, TREE_DRAM);
	put_file(b, 0444, "dram", "%s/name", path);
	put_attributes(b, path, dram_attributes, limits);
	put_attributes(b, path, device_attributes, NULL);
	snprintf(target, sizeof(target), "../../intel-rapl:%x", package);
	put_link(b, target, "%s/device", path);
	put_link(b, "../../../../../../class/powercap", "%s/subsystem", path);
}

static void put_powercap(struct build *b, const struct cpus *cpus,
	const struct tree_limits limits[TREE_N_KINDS])
{
	put_file(b, 0644, "1", POWERCAP "/enabled");
	put_attributes(b, POWERCAP, device_attributes, NULL);
	put_link(b, "../../../../class/powercap", POWERCAP "/subsystem");
	put_link(b, "../../" POWERCAP, "class/powercap/intel-rapl");
	for (unsigned p = 0; p < cpus->n_packages; p++) {
		put_package(b, p, cpus->package_id[p], &limits[TREE_PACKAGE]);
		put_dram(b, p, &limits[TREE_DRAM]);
		for (int kind = TREE_PACKAGE; kind < TREE_N_KINDS; kind++) {
			char path[PATH_SIZE], target[PATH_SIZE + 6], name[NAME_SIZE];

			format_path(path, p, (enum tree_kind)kind);
			format_name(name, p, (enum tree_kind)kind);
			snprintf(target, sizeof(target), "../../%s", path);
			put_link(b, target, "class/powercap/%s", name);
		}
	}
}

/* A CPU is the only thread of its core; its package is its NUMA node. */
static void put_cpu(struct build *b, const struct cpus *cpus, unsigned cpu)
{
	unsigned p = cpus->package[cpu];
	char path[PATH_SIZE], target[NAME_SIZE];

	snprintf(path, sizeof(path), "devices/system/cpu/cpu%u", cpu);
	put_number(b, cpus->package_id[p], path, "topology/physical_package_id");
	put_number(b, 0, path, "topology/die_id");
	put_number(b, cpu, path, "topology/core_id");
	put_number(b, cpu, path, "topology/thread_siblings_list");
	snprintf(target, sizeof(target), "../../node/node%u", p);
	put_link(b, target, "%s/node%u", path, p);
	snprintf(target, sizeof(target), "../../cpu/cpu%u", cpu);
	put_link(b, target, "devices/system/node/node%u/cpu%u", p, cpu);
}

/* The CPUs of one package, or (UINT_MAX) of all: "0,2,3". */
static void format_cpus(
	char *text, size_t size, const struct cpus *cpus, unsigned package)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned c = 0; c < cpus->count; c++) {
		if (package == UINT_MAX || cpus->package[c] == package)
			used += (size_t)snprintf(
				text + used, size - used, "%s%u", used ? "," : "", c);
	}
}

static void put_topology(struct build *b, const struct cpus *cpus)
{
	char text[6 * CPUS_MAX];

	for (unsigned c = 0; c < cpus->count; c++)
		put_cpu(b, cpus, c);
	format_cpus(text, sizeof(text), cpus, UINT_MAX);
	put_file(b, 0444, text, "devices/system/cpu/online");
	for (unsigned p = 0; p < cpus->n_packages; p++) {
		format_cpus(text, sizeof(text), cpus, p);
		put_file(b, 0444, text, "devices/system/node/node%u/cpulist", p);
	}
	if (cpus->n_packages > 1)
		snprintf(text, sizeof(text), "0-%u", cpus->n_packages - 1);
	else
		snprintf(text, sizeof(text), "0");
	put_file(b, 0444, text, "devices/system/node/online");
}

int tree_init(struct tree *tree, const char *dir, const struct cpus *cpus,
	const struct tree_limits limits[TREE_N_KINDS])
{
	cleanup_close int fd = -1;
	struct build build;

	if (mkdir(dir, 0755) < 0)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	build = (struct build){ .fd = fd };
	put_powercap(&build, cpus, limits);
	put_topology(&build, cpus);
	if (build.error == 0)
		tree->fd = steal_fd(&fd);
	return build.error;
}

void tree_deinit(struct tree *tree)
{
	cleanup_closep(&tree->fd);
	tree->fd = -1;
}

int tree_set_energy(const struct tree *tree, unsigned package, enum tree_kind kind,
	uint64_t energy_uj)
{
	char path[PATH_SIZE + 16], held[NAME_SIZE + 8], name[NAME_SIZE], text[24];
	int r;

	format_name(name, package, kind);
	snprintf(held, sizeof(held), "hold/%s", name);
	if (faccessat(tree->fd, held, F_OK, 0) == 0)
		return 0;
	format_path(path, package, kind);
	strcat(path, "/energy_uj");
	snprintf(text, sizeof(text), "%" PRIu64 "\n", energy_uj);
	/* Not in the zone's directory, where readers would see it. */
	r = write_file(tree->fd, ".next", 0400, text);
	if (r < 0)
		return r;
	return renameat(tree->fd, ".next", tree->fd, path) < 0 ? -errno : 0;
}
