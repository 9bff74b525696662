/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A program's settings: one table makes its flags, its configuration file's keys
 * and its --help. A flag wins over the file, the file over the default.
 *
 * The file is INI (inih). Unknown keys and sections, bad values and lines over
 * OPTIONS_LINE_MAX bytes (inih cuts at 200 and misparses) are errors that name
 * file and line; nothing is ignored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_LINE_MAX 190

struct option_spec {
	/* "interval-ms": the flag --interval-ms; in the file also interval_ms. */
	const char *name;
	/* The argument's name in --help; NULL: a flag without one (never in the file). */
	const char *argument;
	const char *help;
	/*
	 * Sets the value in the program's settings. Returns 0, or -errno and in
	 * *ret_expected what would be right ("100..60000").
	 */
	int (*set)(void *settings, const char *value, const char **ret_expected);
	/* A flag only, such as --config itself. */
	bool flag_only;
};

/* Of a section in the file. */
struct options_place {
	const char *path;
	int line; /* of its head */
};

struct options {
	const char *program;
	const char *synopsis; /* after the program's name: "[OPTION]..." */
	const char *summary;  /* one sentence for --help */
	const struct option_spec *specs;
	size_t n_specs;
	/* "n s": -n is the first spec's, -s the third's; may be shorter, or NULL. */
	const char *letters;
	/* Read when it exists and no --config names another; NULL: no file at all. */
	const char *config_path;
	/*
	 * A key in a named section: kind and name of [kind "name"], or kind alone
	 * and name "". NULL: there are no sections. As set() above; -ENOENT: no
	 * such section or key.
	 */
	int (*set_in_section)(void *settings, const char *kind, const char *name,
		const char *key, const char *value, const char **ret_expected);
	/*
	 * Before set_in_section() is called, where the section is: for what is found out
	 * later to be wrong with it. NULL: of no interest.
	 */
	struct options_place *place;
	void *settings;
};

enum options_operands {
	OPTIONS_NO_OPERANDS, /* any is wrong usage */
	OPTIONS_OPERANDS,    /* among the flags, the caller looks at them */
	OPTIONS_SUBCOMMAND,  /* flags end at the first, which parses its own */
};

/*
 * Parses flags and file. --help and --version print and exit 0; --log-level,
 * --config, --help and --version need no spec. Errors go to stderr and exit 2, as
 * every program of the project does. Returns the index of the first operand.
 */
int options_parse(const struct options *options, int argc, char **argv,
	enum options_operands operands);

/* The exit codes of every program. */
#define EXIT_USAGE 2
