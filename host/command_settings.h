/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The settings of vmpower's subcommands: where things are. They are the same as
 * hostd's and come from its configuration file too, where a flag does not say
 * otherwise; the file's other keys are hostd's to judge.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/selection.h"
#include "shared/options.h"

enum command_path {
	COMMAND_SYSFS,
	COMMAND_PROCFS,
	COMMAND_LIBVIRT_RUN_DIR,
	COMMAND_CONNECT,
	COMMAND_RUN_DIR,
	COMMAND_STATE_DIR,
	COMMAND_CONFIG,
	COMMAND_PATHS,
};

struct command_settings {
	const char *paths[COMMAND_PATHS];
	/* What of them came from the file; owned. */
	char *from_file[COMMAND_PATHS];
	bool json;
	bool undo, all, watch;
	struct selection selection;
	uint64_t for_s; /* 0: it was not said */
	uint64_t for_min_s;
};

/* A subcommand: what it takes beside the paths. */
struct command_usage {
	const char *program;  /* "vmpower list" */
	const char *synopsis; /* "[OPTION]..." */
	const char *summary;
	bool has_json;
	const char *for_help; /* of --for; NULL: it is not taken */
	uint64_t for_min_s;
	bool has_selection; /* --all, --watch, --name and --label */
	const char *undo;   /* what --undo does; NULL: it is not taken */
	int min_operands, max_operands;
	/*
	 * Flags of its own, and their letters: what they set begins with a struct
	 * command_settings.
	 */
	const struct option_spec *specs;
	size_t n_specs;
	const char *letters;
};

/*
 * Parses argv, whose first word is the subcommand's name, then the file. Errors
 * exit 2, --help and --version exit 0. Returns the index of the first operand.
 */
int command_settings_parse(const struct command_usage *usage, int argc, char **argv,
	struct command_settings *ret_settings);

void command_settings_deinit(struct command_settings *settings);
