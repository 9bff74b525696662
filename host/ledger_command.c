/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Options of the two, and their files. */
#include "config.h"

#include "host/ledger_command.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/export_parse.h"
#include "host/export_time.h"
#include "host/ledger_export.h"
#include "host/ledger_merge.h"
#include "shared/cleanup.h"
#include "shared/options.h"
#include "shared/rooted.h"

#define DOMAINS_MAX 256
#define CONFIG_PATH SYSCONFDIR "/hostd.conf"

struct settings {
	struct ledger_export export;
	const char *domains[DOMAINS_MAX];
	const char *state_dir; /* NULL: as in the file */
	const char *config;    /* NULL: the usual one, which need not exist */
	char *from_file;       /* owned */
	bool json;
};

static void settings_deinit(struct settings *settings)
{
	free(settings->from_file);
}

static void cleanup_mergep(struct ledger_merge **merge)
{
	ledger_merge_free(*merge);
}

static int set_time(uint64_t *time_s, const char *value, const char **ret_expected)
{
	*ret_expected = "YYYY-MM-DD, YYYY-MM-DDTHH:MM[:SS][Z|+HH:MM], or @SECONDS";
	return export_time_parse(value, time_s);
}

static int set_since(void *settings, const char *value, const char **ret_expected)
{
	return set_time(
		&((struct settings *)settings)->export.since_s, value, ret_expected);
}

static int set_until(void *settings, const char *value, const char **ret_expected)
{
	return set_time(
		&((struct settings *)settings)->export.until_s, value, ret_expected);
}

static int set_interval(void *settings, const char *value, const char **ret_expected)
{
	static const char *const names[] = { [LEDGER_EXPORT_HOUR] = "hour",
		[LEDGER_EXPORT_DAY] = "day",
		[LEDGER_EXPORT_TOTAL] = "total" };

	*ret_expected = "hour, day or total";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			((struct settings *)settings)->export.interval =
				(enum ledger_export_interval)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_format(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "csv or json";
	if (strcmp(value, "csv") != 0 && strcmp(value, "json") != 0)
		return -EINVAL;
	((struct settings *)settings)->export.json = value[0] == 'j';
	return 0;
}

static int set_domain(void *settings, const char *value, const char **ret_expected)
{
	struct settings *own = settings;

	*ret_expected = "the name or UUID of a domain, at most 256 times";
	if (!value[0] || own->export.n_domains == DOMAINS_MAX)
		return -EINVAL;
	own->domains[own->export.n_domains++] = value;
	return 0;
}

static int set_state_dir(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "a directory";
	((struct settings *)settings)->state_dir = value;
	return value[0] ? 0 : -EINVAL;
}

static int set_config(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "a file";
	((struct settings *)settings)->config = value;
	return value[0] ? 0 : -EINVAL;
}

static int set_json(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct settings *)settings)->json = true;
	return 0;
}

/* Of hostd's file its one key; the others are hostd's to judge. */
static int take_key(void *user, const char *section, const char *key, const char *value)
{
	struct settings *settings = user;

	if (section[0] ||
		(strcmp(key, "state_dir") != 0 && strcmp(key, "state-dir") != 0))
		return 1;
	free(settings->from_file);
	settings->from_file = strdup(value);
	return 1;
}

static int find_state_dir(struct settings *settings)
{
	cleanup_fclose FILE *file = NULL;

	if (settings->state_dir)
		return 0;
	file = fopen(settings->config ? settings->config : CONFIG_PATH, "re");
	if (!file && settings->config) {
		fprintf(stderr, "vmpower ledger export: cannot read %s: %s\n",
			settings->config, strerror(errno));
		return -errno;
	}
	if (file)
		ini_parse_file(file, take_key, settings);
	settings->state_dir = settings->from_file ? settings->from_file : STATEDIR;
	return 0;
}

/* Stdout's errors are the caller's to see, as for all commands. */
static int export_history(struct settings *settings)
{
	cleanup(ledger_history_deinit) struct ledger_history history = { 0 };
	char message[LEDGER_MESSAGE_SIZE], host[256] = "", machine_id[64] = "";
	const char *unknown = NULL;
	int r = ledger_history_read(settings->state_dir, message, &history);

	if (message[0])
		fprintf(stderr, "vmpower ledger export: %s\n", message);
	if (r < 0)
		return r;
	(void)gethostname(host, sizeof(host) - 1);
	if (rooted_read("/", machine_id, sizeof(machine_id), "etc/machine-id") < 0)
		machine_id[0] = '\0';
	machine_id[strcspn(machine_id, "\n")] = '\0';
	settings->export.domains = settings->domains;
	settings->export.host = host;
	settings->export.machine_id = machine_id;
	r = ledger_export_write(&settings->export, &history, stdout, &unknown);
	if (r == -ENOENT)
		fprintf(stderr,
			"vmpower ledger export: there is no record of a domain '%s' in %s\n",
			unknown, settings->state_dir);
	else if (r < 0)
		fprintf(stderr, "vmpower ledger export: %s\n", strerror(-r));
	return r;
}

static int run_export(int argc, char **argv)
{
	static const struct option_spec specs[] = {
		{ "since", "T", "intervals that begin at T or later", set_since, true },
		{ "until", "T", "intervals that begin before T", set_until, true },
		{ "interval", "NAME", "hour, day or total (hour)", set_interval, true },
		{ "format", "NAME", "csv or json, one object a line (csv)", set_format,
			true },
		{ "domain", "DOMAIN", "only this one, again for more", set_domain, true },
		{ "state-dir", "DIR", "of vmpower-hostd (" STATEDIR ")", set_state_dir,
			true },
		{ "config", "FILE", "of vmpower-hostd (" CONFIG_PATH ")", set_config,
			true },
	};
	cleanup(settings_deinit) struct settings settings = { 0 };
	const struct options options = {
		.program = "vmpower ledger export",
		.synopsis = "[OPTION]...",
		.summary =
			"Write what each domain, the host and nobody used, by interval.\n"
			"T is YYYY-MM-DD, YYYY-MM-DDTHH:MM[:SS][Z|+HH:MM] (UTC) or "
			"@SECONDS.",
		.specs = specs,
		.n_specs = sizeof(specs) / sizeof(specs[0]),
		.settings = &settings,
	};

	options_parse(&options, argc, argv, OPTIONS_NO_OPERANDS);
	if (settings.export.until_s &&
		settings.export.until_s <= settings.export.since_s) {
		fputs("vmpower ledger export: --until is not after --since\n", stderr);
		return EXIT_USAGE;
	}
	if (find_state_dir(&settings) < 0)
		return EXIT_USAGE;
	return export_history(&settings) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int add_row(const struct export_row *row, void *data)
{
	return ledger_merge_add(data, row);
}

static int merge_file(struct ledger_merge *merge, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	cleanup_fclose FILE *file = is_stdin ? NULL : fopen(path, "re");
	char message[EXPORT_MESSAGE_SIZE];
	uint64_t line;
	int r;

	if (!file && !is_stdin) {
		fprintf(stderr, "vmpower ledger merge: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	ledger_merge_begin_file(merge);
	r = export_parse(is_stdin ? stdin : file, add_row, merge, &line, message);
	if (r < 0)
		fprintf(stderr, "vmpower ledger merge: %s:%ju: %s\n", path,
			(uintmax_t)line,
			r == -EBADMSG	  ? message
			: r == -EOVERFLOW ? "the sum is more than 2^64 - 1"
					  : strerror(-r));
	return r;
}

static int run_merge(int argc, char **argv)
{
	static const struct option_spec specs[] = {
		{ "json", NULL, "print JSON, one object a line", set_json, true },
	};
	cleanup(settings_deinit) struct settings settings = { 0 };
	const struct options options = {
		.program = "vmpower ledger merge",
		.synopsis = "[OPTION]... FILE...",
		.summary =
			"Add up exports of several hosts ('-': standard input), and show "
			"when a domain was on none of them, or on two.",
		.specs = specs,
		.n_specs = sizeof(specs) / sizeof(specs[0]),
		.settings = &settings,
	};
	cleanup(cleanup_mergep) struct ledger_merge *merge = ledger_merge_new();
	int first = options_parse(&options, argc, argv, OPTIONS_OPERANDS), r = 0;

	if (first == argc) {
		fputs("vmpower ledger merge: which FILE?\n"
		      "Try 'vmpower ledger merge --help'.\n",
			stderr);
		return EXIT_USAGE;
	}
	if (!merge)
		r = -ENOMEM;
	for (int i = first; r == 0 && i < argc; i++) {
		if (merge_file(merge, argv[i]) < 0)
			return EXIT_FAILURE;
	}
	if (r == 0)
		r = ledger_merge_print(merge, stdout, settings.json);
	if (r < 0)
		fprintf(stderr, "vmpower ledger merge: %s\n", strerror(-r));
	else if (r > 0)
		fputs("vmpower ledger merge: some energy is in these sums twice; see the "
		      "overlaps, and leave out what is in two files\n",
			stderr);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int ledger_command_run(int argc, char **argv)
{
	static const struct options options = {
		.program = "vmpower ledger",
		.synopsis = "export|merge [OPTION]...",
		.summary =
			"What the ledger has, for bills and reports.\n\n"
			"  export         rows for each interval, domain, zone and kind\n"
			"  merge FILE...  exports of several hosts, added up\n\n"
			"vmpower ledger export --help tells its options.",
	};
	int first = options_parse(&options, argc, argv, OPTIONS_SUBCOMMAND);

	if (first < argc && strcmp(argv[first], "export") == 0)
		return run_export(argc - first, argv + first);
	if (first < argc && strcmp(argv[first], "merge") == 0)
		return run_merge(argc - first, argv + first);
	if (first < argc)
		fprintf(stderr, "vmpower ledger: there is no command '%s'\n",
			argv[first]);
	fputs("usage: vmpower ledger export [--since T] [--until T] [--format csv|json]\n"
	      "           [--interval hour|day|total] [--domain DOMAIN]... "
	      "[--state-dir DIR]\n"
	      "       vmpower ledger merge [--json] FILE...\n",
		stderr);
	return EXIT_USAGE;
}
