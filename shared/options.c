/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Settings from flags and from an INI file, by one table. */
#include "shared/options.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "shared/cleanup.h"
#include "shared/log.h"

#define SPECS_MAX 40

/* inih keeps this much of a section's name and silently drops the rest. */
#define SECTION_MAX 49

/* What getopt(3) returns: beyond all letters, the specs, then what every program has. */
enum {
	FLAG_SPECS = 256,
	FLAG_CONFIG = FLAG_SPECS + SPECS_MAX,
	FLAG_LOG_LEVEL,
	FLAG_HELP,
	FLAG_VERSION,
	FLAGS_END,
};
#define N_FLAGS (FLAGS_END - FLAG_SPECS)

/* One run over the configuration file. */
struct reader {
	const struct options *options;
	const char *path;
	FILE *file;
	int line, section_line;
	bool bad;
};

static void __attribute__((__noreturn__, __format__(printf, 2, 3)))
usage_error(const struct options *options, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", options->program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry '%s --help'.\n", options->program);
	exit(EXIT_USAGE);
}

static void print_flag(
	char letter, const char *name, const char *argument, const char *help)
{
	char flag[64];
	int n = 0;

	if (letter)
		n = snprintf(flag, sizeof(flag), "-%c, ", letter);
	snprintf(flag + n, sizeof(flag) - (size_t)n, "--%s%s%s", name,
		argument ? " " : "", argument ? argument : "");
	printf("  %-26s %s\n", flag, help);
}

/* Of the spec with this index; 0: it has none. */
static char letter_of(const struct options *options, size_t index)
{
	if (!options->letters || index >= strlen(options->letters) ||
		options->letters[index] == ' ')
		return '\0';
	return options->letters[index];
}

static void print_help(const struct options *options)
{
	printf("Usage: %s %s\n%s\n\n", options->program, options->synopsis,
		options->summary);
	for (size_t i = 0; i < options->n_specs; i++)
		print_flag(letter_of(options, i), options->specs[i].name,
			options->specs[i].argument, options->specs[i].help);
	if (options->config_path) {
		char help[256];

		snprintf(help, sizeof(help), "configuration file (%s)",
			options->config_path);
		print_flag('\0', "config", "FILE", help);
	}
	print_flag('\0', "log-level", "LEVEL", "error, warning, info or debug (info)");
	print_flag('\0', "help", NULL, "show this and exit");
	print_flag('\0', "version", NULL, "show the version and exit");
}

static bool key_is(const char *key, const char *name)
{
	for (; *key && *name; key++, name++) {
		if (*key != *name && !(*key == '_' && *name == '-'))
			return false;
	}
	return *key == *name;
}

static void __attribute__((__format__(printf, 2, 3)))
file_error(struct reader *reader, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", reader->path, reader->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	reader->bad = true;
}

/* Splits [kind "name"], which inih hands over as kind "name", in place. */
static bool split_section(char *section, const char **ret_kind, const char **ret_name)
{
	char *quote = strchr(section, '"');
	size_t len = strlen(section);

	*ret_kind = section;
	*ret_name = "";
	if (!quote)
		return true;
	if (quote == section || quote[-1] != ' ' || quote == section + len - 1 ||
		section[len - 1] != '"')
		return false;
	quote[-1] = '\0';
	section[len - 1] = '\0';
	*ret_name = quote + 1;
	return true;
}

static void set_in_section(
	struct reader *reader, const char *section, const char *key, const char *value)
{
	const struct options *options = reader->options;
	const char *kind, *name, *expected = NULL;
	char copy[OPTIONS_LINE_MAX + 1];
	int r = -ENOENT;

	snprintf(copy, sizeof(copy), "%s", section);
	if (!split_section(copy, &kind, &name)) {
		file_error(reader, "section [%s] is not [KIND \"NAME\"]", section);
		return;
	}
	if (options->place)
		*options->place = (struct options_place){ reader->path,
			reader->section_line };
	if (options->set_in_section)
		r = options->set_in_section(
			options->settings, kind, name, key, value, &expected);
	if (r == -ENOENT)
		file_error(reader, "unknown key '%s' in section [%s]", key, section);
	else if (r < 0)
		file_error(reader, "%s = %s: expected %s", key, value,
			expected ? expected : strerror(-r));
}

static void set_global(struct reader *reader, const char *key, const char *value)
{
	const struct options *options = reader->options;

	for (size_t i = 0; i < options->n_specs; i++) {
		const struct option_spec *spec = &options->specs[i];
		const char *expected = NULL;
		int r;

		if (!spec->argument || spec->flag_only || !key_is(key, spec->name))
			continue;
		r = spec->set(options->settings, value, &expected);
		if (r < 0)
			file_error(reader, "%s = %s: expected %s", key, value,
				expected ? expected : strerror(-r));
		return;
	}
	if (key_is(key, "log-level")) {
		enum log_level level;

		if (log_level_parse(value, &level) < 0)
			file_error(reader,
				"%s = %s: expected error, warning, info or debug", key,
				value);
		else
			log_set_level(level);
		return;
	}
	file_error(reader, "unknown key '%s'", key);
}

static int take_key(void *user, const char *section, const char *key, const char *value)
{
	struct reader *reader = user;

	if (section[0])
		set_in_section(reader, section, key, value);
	else
		set_global(reader, key, value);
	return 1;
}

static bool begins_section(const char *line)
{
	return line[strspn(line, " \t")] == '[';
}

static bool section_is_too_long(const char *line)
{
	size_t blank = strspn(line, " \t");
	const char *end = strchr(line, ']');

	return begins_section(line) && end && end - (line + blank + 1) > SECTION_MAX;
}

/* fgets() for inih that counts lines and refuses what inih would cut. */
static char *read_line(char *line, int size, void *stream)
{
	struct reader *reader = stream;
	cleanup_free char *whole = NULL;
	size_t whole_size = 0;
	ssize_t len = getline(&whole, &whole_size, reader->file);

	if (len < 0)
		return NULL;
	reader->line++;
	if (begins_section(whole))
		reader->section_line = reader->line;
	if (memchr(whole, '\0', (size_t)len)) {
		file_error(reader, "the line has a NUL byte");
		len = 0;
	} else if (len > OPTIONS_LINE_MAX + 1 || len >= size) {
		file_error(reader, "the line has more than %d bytes", OPTIONS_LINE_MAX);
		len = 0;
	} else if (section_is_too_long(whole)) {
		file_error(reader,
			"the section's name has more than %d bytes; use the UUID",
			SECTION_MAX);
		len = 0;
	}
	memcpy(line, len ? whole : "\n", len ? (size_t)len + 1 : 2);
	return line;
}

static void read_file(const struct options *options, const char *path, bool must_exist)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	struct reader reader = { .options = options, .path = path, .file = file };
	int r;

	if (!file) {
		if (errno == ENOENT && !must_exist)
			return;
		usage_error(options, "cannot read configuration file %s: %s", path,
			strerror(errno));
	}
	r = ini_parse_stream(read_line, &reader, take_key, &reader);
	if (r > 0) {
		reader.line = r;
		file_error(&reader, "neither [SECTION] nor KEY = VALUE");
	}
	if (r < 0 || ferror(file))
		usage_error(options, "cannot read configuration file %s: %s", path,
			strerror(ferror(file) ? EIO : ENOMEM));
	if (reader.bad)
		exit(EXIT_USAGE);
}

static size_t fill_flags(const struct options *options, struct option *flags)
{
	size_t n = 0;

	for (; n < options->n_specs; n++)
		flags[n] = (struct option){ options->specs[n].name,
			options->specs[n].argument ? required_argument : no_argument,
			NULL, FLAG_SPECS + (int)n };
	if (options->config_path)
		flags[n++] = (struct option){ "config", required_argument, NULL,
			FLAG_CONFIG };
	flags[n++] = (struct option){ "log-level", required_argument, NULL,
		FLAG_LOG_LEVEL };
	flags[n++] = (struct option){ "help", no_argument, NULL, FLAG_HELP };
	flags[n++] = (struct option){ "version", no_argument, NULL, FLAG_VERSION };
	return n;
}

static void __attribute__((__noreturn__))
print_and_exit(const struct options *options, int flag)
{
	if (flag == FLAG_HELP)
		print_help(options);
	else
		printf("%s %s\n", options->program, PACKAGE_VERSION);
	exit(EXIT_SUCCESS);
}

static void take_spec(const struct options *options, const struct option_spec *spec)
{
	const char *expected = NULL;
	int r = spec->set(options->settings, optarg, &expected);

	if (r < 0)
		usage_error(options, "--%s %s: expected %s", spec->name,
			optarg ? optarg : "", expected ? expected : strerror(-r));
}

static void take_log_level(const struct options *options)
{
	enum log_level level;

	if (log_level_parse(optarg, &level) < 0)
		usage_error(options,
			"--log-level %s: expected error, warning, info or debug", optarg);
	log_set_level(level);
}

/* For getopt(3): how operands are taken, and the flags that have a letter. */
static void list_letters(const struct options *options, enum options_operands operands,
	char letters[2 * SPECS_MAX + 2])
{
	size_t n = 0;

	if (operands == OPTIONS_SUBCOMMAND)
		letters[n++] = '+';
	for (size_t i = 0; i < options->n_specs; i++) {
		if (!letter_of(options, i))
			continue;
		letters[n++] = letter_of(options, i);
		if (options->specs[i].argument)
			letters[n++] = ':';
	}
	letters[n] = '\0';
}

/* NULL: the flag is not a spec's. */
static const struct option_spec *find_spec(const struct options *options, int flag)
{
	if (flag >= FLAG_SPECS)
		return flag < FLAG_CONFIG ? &options->specs[flag - FLAG_SPECS] : NULL;
	for (size_t i = 0; i < options->n_specs; i++) {
		if (letter_of(options, i) == flag)
			return &options->specs[i];
	}
	return NULL;
}

/* Goes over all flags; only_config: just to learn where the configuration file is. */
static const char *take_flags(const struct options *options, int argc, char **argv,
	enum options_operands operands, bool only_config)
{
	struct option flags[N_FLAGS + 1] = { 0 };
	char letters[2 * SPECS_MAX + 2];
	const char *config_path = NULL;
	int flag;

	fill_flags(options, flags);
	list_letters(options, operands, letters);
	optind = 0; /* scan anew, also after a subcommand's name */
	while ((flag = getopt_long(argc, argv, letters, flags, NULL)) != -1) {
		const struct option_spec *spec = find_spec(options, flag);

		if (flag == '?')
			usage_error(options, "bad usage");
		if (flag == FLAG_CONFIG)
			config_path = optarg;
		else if (flag == FLAG_HELP || flag == FLAG_VERSION)
			print_and_exit(options, flag);
		else if (!only_config && flag == FLAG_LOG_LEVEL)
			take_log_level(options);
		else if (!only_config && spec)
			take_spec(options, spec);
	}
	return config_path;
}

int options_parse(const struct options *options, int argc, char **argv,
	enum options_operands operands)
{
	const char *config_path = take_flags(options, argc, argv, operands, true);

	if (operands == OPTIONS_NO_OPERANDS && optind < argc)
		usage_error(options, "unexpected argument '%s'", argv[optind]);
	if (config_path || options->config_path)
		read_file(options, config_path ? config_path : options->config_path,
			config_path != NULL);
	take_flags(options, argc, argv, operands, false);
	return optind;
}
