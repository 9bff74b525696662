/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower: the operator's command on the hypervisor. Only wires subcommands. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/calibrate.h"
#include "host/calibration_file.h"
#include "host/client.h"
#include "host/command_settings.h"
#include "host/doctor.h"
#include "host/enroll.h"
#include "host/enroll_all.h"
#include "host/enroll_watch.h"
#include "host/hostd_config.h"
#include "host/label.h"
#include "host/ledger_command.h"
#include "host/list.h"
#include "host/measure_command.h"
#include "host/replay.h"
#include "host/snapshot_json.h"
#include "host/top.h"
#include "shared/cleanup.h"
#include "shared/options.h"

/* Takes both documents over. */
static int print_list_json(cJSON *host, cJSON *domains)
{
	cJSON *document = snapshot_json_join(host, domains);
	char *text = document ? cJSON_Print(document) : NULL;

	cJSON_Delete(document);
	if (!text) {
		fprintf(stderr, "vmpower list: %s\n", strerror(ENOMEM));
		return EXIT_FAILURE;
	}
	puts(text);
	free(text);
	return EXIT_SUCCESS;
}

static int run_list(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower list",
		.synopsis = "[OPTION]...",
		.summary =
			"Show the power and the energy of each domain, and whose the rest is.",
		.has_json = true,
	};
	__attribute__((
		__cleanup__(command_settings_deinit))) struct command_settings settings;
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	cleanup_free char *socket = NULL;
	cJSON *host = NULL, *domains = NULL;
	char error[CLIENT_ERROR_SIZE];

	command_settings_parse(&usage, argc, argv, &settings);
	if (asprintf(&socket, "%s/hostd.sock", settings.paths[COMMAND_RUN_DIR]) < 0)
		return EXIT_FAILURE;
	if (client_get_snapshot(socket, &snapshot, settings.json ? &host : NULL,
		    settings.json ? &domains : NULL, error) < 0) {
		fprintf(stderr, "vmpower list: %s\n", error);
		return EXIT_FAILURE;
	}
	if (settings.json)
		return print_list_json(host, domains);
	list_print(stdout, snapshot);
	return EXIT_SUCCESS;
}

static int run_doctor(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower doctor",
		.synopsis = "[OPTION]... [DOMAIN]",
		.summary =
			"Find out why there is nothing to see, and what to do about it.",
		.has_json = true,
		.max_operands = 1,
	};
	__attribute__((
		__cleanup__(command_settings_deinit))) struct command_settings settings;
	struct facts_paths paths = { .modules = "/lib/modules",
		.systemd = "/run/systemd/system" };
	int first = command_settings_parse(&usage, argc, argv, &settings);
	int r;

	paths.sysfs = settings.paths[COMMAND_SYSFS];
	paths.procfs = settings.paths[COMMAND_PROCFS];
	paths.libvirt_run_dir = settings.paths[COMMAND_LIBVIRT_RUN_DIR];
	paths.connect = settings.paths[COMMAND_CONNECT];
	paths.run_dir = settings.paths[COMMAND_RUN_DIR];
	paths.config = settings.paths[COMMAND_CONFIG];
	r = doctor_run(stdout, &paths, first < argc ? argv[first] : NULL, settings.json);
	if (r < 0)
		fprintf(stderr, "vmpower doctor: %s\n", strerror(-r));
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_enroll(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower enroll",
		.synopsis = "[OPTION]... [DOMAIN]",
		.summary =
			"Give domains the channel through which guests learn their energy.",
		.undo = "take the channel away again",
		.has_selection = true,
		.max_operands = 1,
	};
	__attribute__((
		__cleanup__(command_settings_deinit))) struct command_settings settings;
	int first = command_settings_parse(&usage, argc, argv, &settings);
	const char *connect = settings.paths[COMMAND_CONNECT];
	bool some = settings.selection.n_names + settings.selection.n_labels > 0;

	if (settings.all + settings.watch + (first < argc) != 1 ||
		(first < argc && some) || (settings.watch && settings.undo)) {
		fputs("vmpower enroll: a DOMAIN, --all or --watch; --name and --label go "
		      "with the latter two, --undo with the former\n"
		      "Try 'vmpower enroll --help'.\n",
			stderr);
		return EXIT_USAGE;
	}
	if (settings.watch)
		return enroll_watch_run(stdout, connect, &settings.selection);
	if (settings.all)
		return enroll_all_run(
			stdout, connect, &settings.selection, settings.undo);
	return enroll_run(stdout, connect, argv[first], settings.undo);
}

static int run_label(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower label",
		.synopsis = "[OPTION]... DOMAIN [KEY=VALUE|KEY=]...",
		.summary = "Show whose a domain is, or write it into libvirt's metadata.",
		.has_json = true,
		.min_operands = 1,
		.max_operands = INT_MAX,
	};
	__attribute__((
		__cleanup__(command_settings_deinit))) struct command_settings settings;
	int first = command_settings_parse(&usage, argc, argv, &settings);

	return label_run(stdout, settings.paths[COMMAND_CONNECT], argv[first],
		argv + first + 1, (size_t)(argc - first - 1), settings.json);
}

static int run_replay(int argc, char **argv)
{
	struct option_spec specs[HOSTD_CONFIG_METER_SPECS_MAX];
	struct hostd_config config;
	struct meter_options meter;
	const struct options options = {
		.program = "vmpower replay",
		.synopsis = "[OPTION]... FILE",
		.summary = "Share out the energy of a trace that vmpower-hostd --record "
			   "wrote ('-': standard input).",
		.specs = specs,
		.n_specs = hostd_config_meter_specs(specs),
		.settings = &config,
	};
	int first;

	hostd_config_init(&config);
	first = options_parse(&options, argc, argv, OPTIONS_OPERANDS);
	if (argc - first != 1) {
		fprintf(stderr, "vmpower replay: %s\nTry 'vmpower replay --help'.\n",
			first == argc ? "which FILE?" : "too many operands");
		return EXIT_USAGE;
	}
	meter = hostd_config_meter_options(&config, false);
	return replay_run(argv[first], &meter);
}

/* Long enough for blocks of it to be compared. */
#define CALIBRATE_DEFAULT_S 60

static int run_calibrate(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower calibrate",
		.synopsis = "[OPTION]...",
		.summary = "Measure what this host draws when it does nothing.",
		.for_help = "how long, 5s to 24h (60s)",
		.for_min_s = 5,
		.undo = "forget what was measured",
	};
	__attribute__((
		__cleanup__(command_settings_deinit))) struct command_settings settings;
	cleanup_free char *socket = NULL, *file = NULL;
	struct calibrate_config config;

	command_settings_parse(&usage, argc, argv, &settings);
	if (asprintf(&socket, "%s/hostd.sock", settings.paths[COMMAND_RUN_DIR]) < 0 ||
		asprintf(&file, "%s/" CALIBRATION_FILE,
			settings.paths[COMMAND_STATE_DIR]) < 0)
		return EXIT_FAILURE;
	config = (struct calibrate_config){
		.procfs = settings.paths[COMMAND_PROCFS],
		.socket = socket,
		.file = file,
		.duration_s = settings.for_s ? settings.for_s : CALIBRATE_DEFAULT_S,
		.undo = settings.undo,
	};
	return calibrate_run(stdout, &config);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "calibrate", run_calibrate },
	{ "doctor", run_doctor },
	{ "enroll", run_enroll },
	{ "label", run_label },
	{ "ledger", ledger_command_run },
	{ "list", run_list },
	{ "measure", measure_command_run },
	{ "replay", run_replay },
	{ "top", top_run },
};

/* A full disk behind stdout is a failure like others. */
static int finish(int status)
{
	if (fflush(stdout) == 0)
		return status;
	fprintf(stderr, "vmpower: cannot write the output: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct options options = {
		.program = "vmpower",
		.synopsis = "COMMAND [OPTION]...",
		.summary = "The energy of the virtual machines on this host.\n\n"
			   "  list             power and energy of each domain\n"
			   "  top              the same, live\n"
			   "  doctor [DOMAIN]  what is wrong, why, and what to do\n"
			   "  enroll DOMAIN    give a domain its channel\n"
			   "  label DOMAIN     whose it is\n"
			   "  measure DOMAIN   energy while a command runs\n"
			   "  ledger           export its records, merge several hosts'\n"
			   "  replay FILE      share out what was recorded\n"
			   "  calibrate        measure the idle power of this host\n\n"
			   "vmpower COMMAND --help tells a command's options.",
	};
	int first = options_parse(&options, argc, argv, OPTIONS_SUBCOMMAND);

	setlocale(LC_CTYPE, "");
	for (size_t i = 0; first < argc && i < sizeof(commands) / sizeof(commands[0]);
		i++) {
		if (strcmp(argv[first], commands[i].name) == 0)
			return finish(commands[i].run(argc - first, argv + first));
	}
	if (first < argc)
		fprintf(stderr, "vmpower: there is no command '%s'\n", argv[first]);
	else
		fputs("vmpower: which command?\n", stderr);
	fputs("Try 'vmpower --help'.\n", stderr);
	return EXIT_USAGE;
}
