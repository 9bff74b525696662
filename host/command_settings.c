/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Settings of the command line, from flags and from hostd's file. */
#include "host/command_settings.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/options.h"

/* A subcommand's own. */
#define COMMAND_SPECS_MAX 8

#define FOR_MAX_S 86400

#define SET_PATH(name, index)                                                            \
	static int name(void *settings, const char *value, const char **ret_expected)    \
	{                                                                                \
		return set_path(settings, index, value, ret_expected);                   \
	}

static int set_path(struct command_settings *settings, enum command_path path,
	const char *value, const char **ret_expected)
{
	*ret_expected = "a name";
	if (!value[0])
		return -EINVAL;
	settings->paths[path] = value;
	return 0;
}

SET_PATH(set_sysfs, COMMAND_SYSFS)
SET_PATH(set_procfs, COMMAND_PROCFS)
SET_PATH(set_libvirt_run_dir, COMMAND_LIBVIRT_RUN_DIR)
SET_PATH(set_connect, COMMAND_CONNECT)
SET_PATH(set_run_dir, COMMAND_RUN_DIR)
SET_PATH(set_state_dir, COMMAND_STATE_DIR)
SET_PATH(set_config, COMMAND_CONFIG)

static int set_json(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct command_settings *)settings)->json = true;
	return 0;
}

static int set_undo(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct command_settings *)settings)->undo = true;
	return 0;
}

/* 90, 90s, 5m or 1h. */
static int set_for(void *settings, const char *value, const char **ret_expected)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	struct command_settings *own = settings;
	const char *end = value + strlen(value);
	uint64_t number;

	*ret_expected = own->for_min_s > 1
				? "5s to 24h: a number of seconds, or with s, m or h "
				  "behind it"
				: "1s to 24h: a number of seconds, or with s, m or h "
				  "behind it";
	if (number_scan_u64(&value, end, &number) < 0 || (*value && value[1]) ||
		number > FOR_MAX_S)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t seconds = number * units[i].seconds;

		if (*value != units[i].unit)
			continue;
		if (seconds < own->for_min_s || seconds > FOR_MAX_S)
			return -ERANGE;
		own->for_s = seconds;
		return 0;
	}
	return -EINVAL;
}

static int set_all(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct command_settings *)settings)->all = true;
	return 0;
}

static int set_watch(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct command_settings *)settings)->watch = true;
	return 0;
}

static int add_name(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "at most 64 patterns";
	return selection_add_name(
		&((struct command_settings *)settings)->selection, value);
}

static int add_label(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "KEY=PATTERN, at most 64 of them";
	return selection_add_label(
		&((struct command_settings *)settings)->selection, value);
}

static const struct option_spec selection_specs[] = {
	{ "all", NULL, "every domain that libvirt knows", set_all, true },
	{ "watch", NULL, "every domain that runs, and each that starts, until SIGTERM",
		set_watch, true },
	{ "name", "PATTERN", "of these, those with such a name (web*)", add_name, true },
	{ "label", "KEY=PATTERN", "and with such a label (project=shop*)", add_label,
		true },
};

#define N_SELECTION_SPECS (sizeof(selection_specs) / sizeof(selection_specs[0]))

static const struct option_spec path_specs[COMMAND_PATHS] = {
	[COMMAND_SYSFS] = { "sysfs", "DIR", "instead of /sys", set_sysfs, false },
	[COMMAND_PROCFS] = { "procfs", "DIR", "instead of /proc", set_procfs, false },
	[COMMAND_LIBVIRT_RUN_DIR] = { "libvirt-run-dir", "DIR", "instead of /run/libvirt",
		set_libvirt_run_dir, false },
	[COMMAND_CONNECT] = { "connect", "URI", "libvirt's (qemu:///system)", set_connect,
		false },
	[COMMAND_RUN_DIR] = { "run-dir", "DIR", "of vmpower-hostd (" RUNDIR ")",
		set_run_dir, false },
	[COMMAND_STATE_DIR] = { "state-dir", "DIR", "of vmpower-hostd (" STATEDIR ")",
		set_state_dir, false },
	[COMMAND_CONFIG] = { "config", "FILE",
		"of vmpower-hostd (" SYSCONFDIR "/hostd.conf)", set_config, true },
};

static const struct option_spec json_spec = { "json", NULL, "print JSON", set_json,
	true };

static const char *const defaults[COMMAND_PATHS] = {
	[COMMAND_SYSFS] = "/sys",
	[COMMAND_PROCFS] = "/proc",
	[COMMAND_LIBVIRT_RUN_DIR] = "/run/libvirt",
	[COMMAND_CONNECT] = "qemu:///system",
	[COMMAND_RUN_DIR] = RUNDIR,
	[COMMAND_STATE_DIR] = STATEDIR,
	[COMMAND_CONFIG] = SYSCONFDIR "/hostd.conf",
};

/* "run_dir" and "run-dir" are the same key. */
static bool key_is(const char *key, const char *name)
{
	for (; *key && *name; key++, name++) {
		if (*key != *name && !(*key == '_' && *name == '-'))
			return false;
	}
	return *key == *name;
}

static int take_key(void *user, const char *section, const char *key, const char *value)
{
	struct command_settings *settings = user;

	for (size_t i = 0; !section[0] && i < COMMAND_CONFIG; i++) {
		if (!key_is(key, path_specs[i].name) || settings->paths[i])
			continue;
		free(settings->from_file[i]);
		settings->from_file[i] = strdup(value);
	}
	return 1;
}

static void read_file(
	const struct command_usage *usage, struct command_settings *settings)
{
	const char *path = settings->paths[COMMAND_CONFIG];
	cleanup_fclose FILE *file = fopen(path ? path : defaults[COMMAND_CONFIG], "re");

	if (!file && path) {
		fprintf(stderr, "%s: cannot read configuration file %s: %s\n",
			usage->program, path, strerror(errno));
		exit(EXIT_USAGE);
	}
	if (file)
		ini_parse_file(file, take_key, settings);
	for (size_t i = 0; i < COMMAND_PATHS; i++) {
		if (!settings->paths[i])
			settings->paths[i] = settings->from_file[i];
		if (!settings->paths[i])
			settings->paths[i] = defaults[i];
	}
}

int command_settings_parse(const struct command_usage *usage, int argc, char **argv,
	struct command_settings *ret_settings)
{
	struct option_spec
		specs[COMMAND_SPECS_MAX + COMMAND_PATHS + 3 + N_SELECTION_SPECS];
	struct options options = {
		.program = usage->program,
		.synopsis = usage->synopsis,
		.summary = usage->summary,
		.specs = specs,
		.settings = ret_settings,
		.letters = usage->letters,
	};
	int first;

	*ret_settings = (struct command_settings){ .for_min_s = usage->for_min_s };
	assert(usage->n_specs <= COMMAND_SPECS_MAX);
	for (size_t i = 0; i < usage->n_specs; i++)
		specs[options.n_specs++] = usage->specs[i];
	if (usage->has_json)
		specs[options.n_specs++] = json_spec;
	if (usage->for_help)
		specs[options.n_specs++] = (struct option_spec){ "for", "TIME",
			usage->for_help, set_for, true };
	if (usage->undo)
		specs[options.n_specs++] = (struct option_spec){ "undo", NULL,
			usage->undo, set_undo, true };
	for (size_t i = 0; usage->has_selection && i < N_SELECTION_SPECS; i++)
		specs[options.n_specs++] = selection_specs[i];
	for (size_t i = 0; i < COMMAND_PATHS; i++)
		specs[options.n_specs++] = path_specs[i];
	first = options_parse(&options, argc, argv,
		usage->max_operands ? OPTIONS_OPERANDS : OPTIONS_NO_OPERANDS);
	if (argc - first < usage->min_operands || argc - first > usage->max_operands) {
		fprintf(stderr, "%s: %s\nTry '%s --help'.\n", usage->program,
			argc - first < usage->min_operands ? "which DOMAIN?"
							   : "too many operands",
			usage->program);
		exit(EXIT_USAGE);
	}
	read_file(usage, ret_settings);
	return first;
}

void command_settings_deinit(struct command_settings *settings)
{
	for (size_t i = 0; i < COMMAND_PATHS; i++)
		free(settings->from_file[i]);
}
