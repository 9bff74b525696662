/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The kernel as oracle, for the integration tests: does the same random operations on
 * the powercap tree of the kernel (module/) and on that of vmpower-guest, whose host it
 * plays, and says where results, bytes or attributes differ. As root, in a guest.
 */
#include "config.h" /* first: _GNU_SOURCE */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/number.h"
#include "tests/oracle/history.h"

/* Then it is one and the same, most likely. */
#define DIFFERENCES_MAX 8
#define WAIT_MS		30000

struct settings {
	const char *kernel, *vmpower, *socket, *parameters, *differences;
	uint64_t seed, operations;
};

static const char usage[] =
	"Usage: oracle --kernel DIR --vmpower DIR --socket PATH --parameters DIR\n"
	"              --differences FILE --seed N --operations N\n"
	"Compare the powercap trees below two directories; the agent of the second is to\n"
	"connect to the socket, the parameters are those of the module of the first.\n";

static int parse(int argc, char **argv, struct settings *settings)
{
	static const char *const names[] = { "kernel", "vmpower", "socket", "parameters",
		"differences", "seed", "operations" };
	enum { N_NAMES = sizeof(names) / sizeof(names[0]) };
	const char *seed = NULL, *operations = NULL;
	const char **const targets[N_NAMES] = { &settings->kernel, &settings->vmpower,
		&settings->socket, &settings->parameters, &settings->differences, &seed,
		&operations };
	struct option options[N_NAMES + 1] = { 0 };
	int c;

	*settings = (struct settings){ 0 };
	for (int i = 0; i < N_NAMES; i++)
		options[i] = (struct option){ names[i], required_argument, NULL, i };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c >= N_NAMES)
			return -EINVAL;
		*targets[c] = optarg;
	}
	for (int i = 0; i < N_NAMES; i++) {
		if (!*targets[i])
			return -EINVAL;
	}
	if (optind < argc || number_parse_u64(seed, strlen(seed), &settings->seed) < 0 ||
		number_parse_u64(operations, strlen(operations), &settings->operations) <
			0)
		return -EINVAL;
	return settings->operations > 0 ? 0 : -EINVAL;
}

static int open_directory(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The agent mounts after the first sample. */
static int wait_for_tree(const struct settings *settings, const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s/%s", settings->vmpower, path);
	for (unsigned int ms = 0; ms < WAIT_MS; ms += 10) {
		if (access(full, F_OK) == 0)
			return 0;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

/* The number of differences, or -errno. */
static int compare(struct history *history, const struct settings *settings)
{
	struct random_state random = { settings->seed };
	int n = 0;

	while (history->n_done < settings->operations && n < DIFFERENCES_MAX) {
		uint64_t n_done;
		size_t at;
		int r;

		history_draw(history, &random);
		r = history_run(history, &at);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n++;
		n_done = history->n_done;
		printf("difference %d, after %" PRIu64 " operations:\n", n, n_done);
		r = history_print_shortest(history, at);
		if (r < 0)
			return r;
		history->n_done = n_done;
	}
	return n;
}

static void report(const struct history *history, uint64_t seed)
{
	const struct listed *listed = history->listed;

	for (size_t i = 0; i < listed->n; i++)
		printf("listed, seen %" PRIu64 " times: %s\n", listed->entry[i].seen,
			listed->entry[i].pattern);
	printf("%" PRIu64 " operations with seed %" PRIu64 "\n", history->n_done, seed);
}

static int run(const struct settings *settings, struct history *history,
	struct nodes *nodes, struct feeder *feeder, struct listed *listed)
{
	const char *const roots[N_SIDES] = { settings->kernel, settings->vmpower };
	int r;

	history->nodes = nodes;
	history->feeder = feeder;
	history->listed = listed;
	r = nodes_read(nodes, settings->kernel);
	if (r == 0)
		r = listed_read(listed, settings->differences);
	if (r == 0)
		r = feeder_init(feeder, settings->socket, settings->parameters);
	if (r == 0)
		r = wait_for_tree(settings, nodes->node[0].path);
	for (unsigned int i = 0; r == 0 && i < N_SIDES; i++) {
		int fd = open_directory(roots[i]);

		if (fd < 0)
			r = fd;
		else
			side_init(&history->sides[i], fd);
	}
	return r < 0 ? r : compare(history, settings);
}

int main(int argc, char **argv)
{
	/* Large, and one of each. */
	static struct history history;
	static struct nodes nodes;
	static struct feeder feeder = { .fd = -1 };
	static struct listed listed;
	struct settings settings;
	int r;

	if (parse(argc, argv, &settings) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
	if (setgroups(0, NULL) < 0)
		r = -errno;
	else
		r = run(&settings, &history, &nodes, &feeder, &listed);
	if (r < 0)
		fprintf(stderr, "oracle: %s\n", strerror(-r));
	else
		report(&history, settings.seed);
	feeder_deinit(&feeder);
	listed_deinit(&listed);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
