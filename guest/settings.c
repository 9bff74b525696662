/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The agent's settings: one table of flags and keys. */
#include "guest/settings.h"

#include <errno.h>
#include <grp.h>
#include <string.h>

#include "config.h"
#include "fuse-powercap/tree.h"
#include "guest/present.h"
#include "shared/options.h"

static int set_path(char path[PATH_MAX], const char *value, const char **ret_expected)
{
	size_t len = strlen(value);

	*ret_expected = "an absolute path";
	if (value[0] != '/' || len >= PATH_MAX)
		return -EINVAL;
	memcpy(path, value, len + 1);
	return 0;
}

static int set_port(void *settings, const char *value, const char **ret_expected)
{
	return set_path(((struct settings *)settings)->port, value, ret_expected);
}

static int set_mount(void *settings, const char *value, const char **ret_expected)
{
	char *mount = ((struct settings *)settings)->mount;

	if (strcmp(value, PRESENT_AUTO) == 0 || strcmp(value, PRESENT_FULL) == 0) {
		strcpy(mount, value);
		return 0;
	}
	if (set_path(mount, value, ret_expected) == 0)
		return 0;
	*ret_expected = "auto, full, or the absolute path of a directory";
	return -EINVAL;
}

static int set_run_dir(void *settings, const char *value, const char **ret_expected)
{
	return set_path(((struct settings *)settings)->run_dir, value, ret_expected);
}

/* Who may read; nobody may write, and 0000 would be of no use. */
static int set_mode(void *settings, const char *value, const char **ret_expected)
{
	size_t n = strlen(value), n_zeros = strspn(value, "0");
	mode_t mode = 0;

	*ret_expected = "an octal mode for reading, such as 0400, 0440 or 0444";
	if (n - n_zeros != 3)
		return -EINVAL;
	for (const char *p = value + n_zeros; *p; p++) {
		if (*p != '0' && *p != '4')
			return -EINVAL;
		mode = mode << 3 | (mode_t)(*p - '0');
	}
	((struct settings *)settings)->energy_mode = mode;
	return 0;
}

static int set_group(void *settings, const char *value, const char **ret_expected)
{
	const struct group *group = getgrnam(value);

	*ret_expected = "the name of a group that exists";
	if (!group)
		return -ENOENT;
	((struct settings *)settings)->energy_gid = group->gr_gid;
	return 0;
}

static int set_unmount(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct settings *)settings)->unmount = true;
	return 0;
}

static int set_msr(void *settings, const char *value, const char **ret_expected)
{
	bool on = strcmp(value, "on") == 0;

	*ret_expected = "on or off";
	if (!on && strcmp(value, "off") != 0)
		return -EINVAL;
	((struct settings *)settings)->msr = on;
	return 0;
}

static const struct option_spec specs[] = {
	{ .name = "port",
		.argument = "PATH",
		.help = "virtio-serial port or unix socket (" SETTINGS_PORT ")",
		.set = set_port },
	{ .name = "mount",
		.argument = "auto|full|DIR",
		.help = "in sysfs, or both views of it below DIR (auto)",
		.set = set_mount },
	{ .name = "mode",
		.argument = "MODE",
		.help = "permissions of energy_uj (0400)",
		.set = set_mode },
	{ .name = "group",
		.argument = "NAME",
		.help = "group of energy_uj (root)",
		.set = set_group },
	{ .name = "msr",
		.argument = "on|off",
		.help = "show it in the CPUs' RAPL registers, too (off)",
		.set = set_msr },
	{ .name = "run-dir",
		.argument = "DIR",
		.help = "runtime directory (" RUNDIR ")",
		.set = set_run_dir },
	{ .name = "unmount",
		.help = "undo what an agent left mounted that was killed, and end",
		.set = set_unmount,
		.flag_only = true },
};

void settings_parse(struct settings *settings, int argc, char **argv)
{
	const struct options options = {
		.program = "vmpower-guest",
		.synopsis = "[OPTION]...",
		.summary =
			"Shows this virtual machine's energy, as the host measures it, "
			"under /sys/class/powercap.",
		.specs = specs,
		.n_specs = sizeof(specs) / sizeof(specs[0]),
		.config_path = SYSCONFDIR "/guest.conf",
		.settings = settings,
	};

	*settings = (struct settings){
		.port = SETTINGS_PORT,
		.mount = PRESENT_AUTO,
		.run_dir = RUNDIR,
		.energy_mode = POWERCAP_TREE_ENERGY_MODE,
	};
	options_parse(&options, argc, argv, OPTIONS_NO_OPERANDS);
}
