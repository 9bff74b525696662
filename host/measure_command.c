/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Options of vmpower measure. */
#include "config.h"

#include "host/measure_command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command_settings.h"
#include "host/measure.h"
#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/options.h"

#define REPEATS_MAX  10000
#define NAME_MAX_LEN 200

struct settings {
	struct command_settings common; /* first: its options set what is in it */
	uint64_t n_repeats;
	const char *name, *file;
	bool has_format;
	enum measure_format format;
};

static int set_repeat(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "1 to 10000";
	return number_parse_range(
		value, 1, REPEATS_MAX, &((struct settings *)settings)->n_repeats);
}

static int set_name(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "at most 200 bytes of text without control characters";
	if (strlen(value) > NAME_MAX_LEN)
		return -EINVAL;
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return -EINVAL;
	}
	((struct settings *)settings)->name = value;
	return 0;
}

static int set_append(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "a file";
	((struct settings *)settings)->file = value;
	return value[0] ? 0 : -EINVAL;
}

static int set_format(void *settings, const char *value, const char **ret_expected)
{
	struct settings *own = settings;

	*ret_expected = "json or csv";
	if (strcmp(value, "json") != 0 && strcmp(value, "csv") != 0)
		return -EINVAL;
	own->has_format = true;
	own->format = value[0] == 'c' ? MEASURE_CSV : MEASURE_JSON;
	return 0;
}

static int set_all(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct settings *)settings)->common.all = true;
	return 0;
}

static const struct option_spec specs[] = {
	{ "all", NULL, "every domain that runs, or starts meanwhile", set_all, true },
	{ "repeat", "N", "so often, for a mean (1)", set_repeat, true },
	{ "name", "TEXT", "what to call it in reports and records", set_name, true },
	{ "append", "FILE", "append a record of each run to this one", set_append, true },
	{ "format", "NAME", "of FILE: json or csv (by its name: .csv, else json)",
		set_format, true },
};

static int usage_error(const char *what)
{
	fprintf(stderr, "vmpower measure: %s\nTry 'vmpower measure --help'.\n", what);
	return EXIT_USAGE;
}

/* Where the COMMAND begins; argc if there is none. getopt would take it for operands. */
static int find_command(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i;
	}
	return argc;
}

static const char *find_fault(
	const struct settings *settings, int n_domains, bool has_command)
{
	if (n_domains > 0 && settings->common.all)
		return "DOMAINs or --all, not both";
	if (n_domains == 0 && !settings->common.all)
		return "which DOMAIN? Name some, or --all";
	if (has_command && settings->common.for_s > 0)
		return "either --for or a COMMAND";
	if (!has_command && settings->common.for_s == 0)
		return "for how long? Say --for TIME, or -- COMMAND";
	if (settings->has_format && !settings->file)
		return "--format is that of --append";
	return NULL;
}

int measure_command_run(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower measure",
		.synopsis = "[OPTION]... DOMAIN... -- COMMAND [ARGUMENT]...\n"
			    "   or: vmpower measure [OPTION]... DOMAIN... --for TIME",
		.summary = "Measure the energy of domains while a command runs, or for a "
			   "time.",
		.has_json = true,
		.for_help = "how long, 1s to 24h",
		.for_min_s = 1,
		.specs = specs,
		.n_specs = sizeof(specs) / sizeof(specs[0]),
		.max_operands = INT_MAX,
	};
	struct settings settings = { .n_repeats = 1, .name = "" };
	int n = find_command(argc, argv), first;
	cleanup_free char *socket = NULL;
	const char *fault;
	struct measure_config config;
	int status;

	if (n == argc - 1)
		return usage_error("which COMMAND?");
	argv[n] = NULL;
	first = command_settings_parse(&usage, n, argv, &settings.common);
	fault = find_fault(&settings, n - first, n < argc);
	if (!fault && asprintf(&socket, "%s/hostd.sock",
			      settings.common.paths[COMMAND_RUN_DIR]) < 0)
		fault = strerror(ENOMEM);
	if (fault) {
		command_settings_deinit(&settings.common);
		return usage_error(fault);
	}
	config = (struct measure_config){
		.socket = socket,
		.domains = (const char *const *)argv + first,
		.n_domains = (size_t)(n - first),
		.all = settings.common.all,
		.command = n < argc ? argv + n + 1 : NULL,
		.duration_s = settings.common.for_s,
		.n_repeats = settings.n_repeats,
		.name = settings.name,
		.file = settings.file,
		.format = settings.has_format ? settings.format
			  : settings.file     ? measure_file_guess(settings.file)
					      : MEASURE_JSON,
		.json = settings.common.json,
	};
	status = measure_run(&config);
	command_settings_deinit(&settings.common);
	return status;
}
