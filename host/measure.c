/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower measure: windows, one after the other. */
#include "config.h"

#include "host/measure.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/client.h"
#include "host/measure_child.h"
#include "host/measure_record.h"
#include "host/measure_report.h"
#include "host/progress.h"
#include "host/snapshot.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* How long the end waits for a hostd that is being restarted. */
#define EDGE_WAIT_NS (5 * (uint64_t)NSEC_PER_SEC)
#define EDGE_TRY_NS  (50 * (uint64_t)NSEC_PER_MSEC)
/* After a signal, how long for any: who sent it is answered within a second. */
#define SIGNAL_WAIT_NS (700 * (uint64_t)NSEC_PER_MSEC)

/* Of a tick that is due, how soon it is asked for, and how soon again. */
#define FOLLOW_LATE_NS	(5 * (uint64_t)NSEC_PER_MSEC)
#define FOLLOW_AGAIN_NS (20 * (uint64_t)NSEC_PER_MSEC)
#define FOLLOW_MAX_NS	(500 * (uint64_t)NSEC_PER_MSEC)

/* The bar moves once a second. */
#define SHOW_NS NSEC_PER_SEC

enum stage { STAGE_BEGIN, STAGE_WINDOW, STAGE_END };

struct measure {
	const struct measure_config *config;
	struct client *client;
	char host[HOST_NAME_MAX + 1];
	struct measure_about about;
	struct measure_child child;
	struct progress progress;
	size_t n_uuids;
	struct uuid *uuids;
	size_t n_runs;
	struct measure_run *runs; /* config->n_repeats of them */
	enum stage stage;	  /* of the last of them, */
	uint64_t stage_ns;	  /* and CLOCK_MONOTONIC when it began */
	uint64_t window_end_ns;	  /* CLOCK_BOOTTIME when it is over without a COMMAND */
	bool cannot_go_on;	  /* with what hostd says now */
	uint64_t next_ns;	  /* CLOCK_BOOTTIME when a tick is looked for, */
	uint64_t again_ns;	  /* and again after so long if there was none */
	bool not_kept;		  /* a record is not in the file */
};

static void cleanup_measurep(struct measure *measure)
{
	progress_end(&measure->progress);
	measure_child_deinit(&measure->child);
	client_free(measure->client);
	free(measure->uuids);
	for (size_t i = 0; i < measure->n_runs; i++)
		measure_window_deinit(&measure->runs[i].window);
	free(measure->runs);
}

/* A sentence on stderr; returns the exit status of a failure. */
__attribute__((__format__(printf, 2, 3))) static int fail(
	struct measure *measure, const char *format, ...)
{
	va_list args;

	progress_end(&measure->progress);
	fputs("vmpower measure: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return measure->config->command ? MEASURE_EXIT_FAILURE : EXIT_FAILURE;
}

static void enter(struct measure *measure, enum stage stage)
{
	measure->stage = stage;
	measure->stage_ns = clock_monotonic_ns();
}

static bool lasts_for(uint64_t begin_ns, uint64_t ns)
{
	return clock_monotonic_ns() - begin_ns >= ns;
}

static bool window_is_over(const struct measure *measure)
{
	if (measure->config->command)
		return measure->child.pid == 0;
	return measure->child.signal || measure->cannot_go_on ||
	       clock_boottime_ns() >= measure->window_end_ns;
}

/*
 * Whether what the stage waits for is given up. Signals and the COMMAND's end are taken
 * here, also while hostd does not answer.
 */
static bool is_over(void *data)
{
	struct measure *measure = data;

	(void)measure_child_wait(&measure->child, 0);
	if (measure->stage == STAGE_WINDOW)
		return window_is_over(measure);
	return measure->child.signal &&
	       lasts_for(measure->child.signal_ns, SIGNAL_WAIT_NS) &&
	       lasts_for(measure->stage_ns, SIGNAL_WAIT_NS);
}

/* The newest. */
static int get_snapshot(struct measure *measure, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE])
{
	return client_fetch_snapshot(measure->client, 0, ret_snapshot, NULL, NULL, error);
}

/* One of the tick that is measured now, or of a later one. */
static int get_edge(struct measure *measure, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE])
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	uint64_t number;
	int r = client_request_tick(measure->client, &number, error);

	if (r == 0)
		r = get_snapshot(measure, &snapshot, error);
	if (r < 0)
		return r;
	if (snapshot->number < number) {
		snprintf(error, CLIENT_ERROR_SIZE, "vmpower-hostd is being restarted");
		return -EAGAIN;
	}
	*ret_snapshot = steal_pointer(&snapshot);
	return 0;
}

/* After which time of it there is no use in waiting on. */
static int wait_for_edge(struct measure *measure, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE])
{
	int r;

	while ((r = get_edge(measure, ret_snapshot, error)) < 0) {
		if (r == -EACCES || r == -ENOMEM || r == -ENAMETOOLONG ||
			lasts_for(measure->stage_ns, EDGE_WAIT_NS) || is_over(measure))
			return r;
		(void)measure_child_wait(&measure->child, EDGE_TRY_NS);
	}
	return 0;
}

static void plan(struct measure *measure, const struct snapshot *snapshot)
{
	measure->next_ns = snapshot->next_ns + snapshot->cost_ns + FOLLOW_LATE_NS;
	measure->again_ns = FOLLOW_AGAIN_NS;
}

static int begin_window(struct measure *measure, struct measure_run *run)
{
	const struct measure_config *config = measure->config;
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	const char *unknown = "";
	char error[CLIENT_ERROR_SIZE];
	int r;

	enter(measure, STAGE_BEGIN);
	r = get_edge(measure, &snapshot, error);
	if (r == -ECANCELED)
		return MEASURE_EXIT_SIGNAL + measure->child.signal;
	if (r < 0)
		return fail(measure, "%s", error);
	if (!measure->uuids) {
		r = measure_window_find(snapshot, config->domains, config->n_domains,
			&measure->uuids, &measure->n_uuids, &unknown);
		if (r == -ENOENT)
			return fail(measure,
				"there is no domain '%s' that runs; see vmpower list",
				unknown);
		if (r < 0)
			return fail(measure, "%s", strerror(-r));
	}
	r = measure_window_begin(
		&run->window, snapshot, measure->uuids, measure->n_uuids, config->all);
	if (r == -EBADMSG)
		return fail(measure, "no zone of this host is shared out among domains; "
				     "see vmpower doctor");
	if (r < 0)
		return fail(measure, "%s", strerror(-r));
	plan(measure, snapshot);
	measure->n_runs++;
	return EXIT_SUCCESS;
}

/* Looks for the tick that is due. */
static void follow(struct measure *measure, struct measure_run *run)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	uint64_t ticks = run->window.n_ticks, now_ns;
	char error[CLIENT_ERROR_SIZE];

	if (get_snapshot(measure, &snapshot, error) == 0) {
		measure->cannot_go_on = measure_window_add(&run->window, snapshot) < 0;
		if (run->window.n_ticks > ticks)
			plan(measure, snapshot);
	}
	now_ns = clock_boottime_ns();
	if (measure->next_ns <= now_ns) {
		measure->next_ns = now_ns + measure->again_ns;
		measure->again_ns *= 2;
		if (measure->again_ns > FOLLOW_MAX_NS)
			measure->again_ns = FOLLOW_MAX_NS;
	}
}

static void show(struct measure *measure, const struct measure_run *run, uint64_t now_ns)
{
	const struct measure_config *config = measure->config;
	uint64_t done_s = (now_ns - run->window.begin_ns) / NSEC_PER_SEC;
	char note[64];

	if (config->command || !measure->progress.is_terminal)
		return;
	if (done_s > config->duration_s)
		done_s = config->duration_s;
	snprintf(note, sizeof(note), "run %ju of %ju", (uintmax_t)run->repeat,
		(uintmax_t)config->n_repeats);
	progress_show(&measure->progress, (run->repeat - 1) * config->duration_s + done_s,
		config->n_repeats * config->duration_s, note);
}

/* Until the window is to end. */
static void stay(struct measure *measure, struct measure_run *run)
{
	const struct measure_config *config = measure->config;

	measure->cannot_go_on = false;
	measure->window_end_ns = run->window.begin_ns + config->duration_s * NSEC_PER_SEC;
	enter(measure, STAGE_WINDOW);
	while (!is_over(measure)) {
		uint64_t now_ns = clock_boottime_ns(), until_ns = now_ns + SHOW_NS;

		show(measure, run, now_ns);
		if (!config->command && until_ns > measure->window_end_ns)
			until_ns = measure->window_end_ns;
		if (!measure->cannot_go_on && until_ns > measure->next_ns)
			until_ns = measure->next_ns;
		if (measure_child_wait(
			    &measure->child, until_ns > now_ns ? until_ns - now_ns : 0) ==
				MEASURE_NOTHING &&
			!measure->cannot_go_on && clock_boottime_ns() >= measure->next_ns)
			follow(measure, run);
	}
}

static void end_window(struct measure *measure, struct measure_run *run)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	struct measure_window *window = &run->window;
	char error[CLIENT_ERROR_SIZE];

	enter(measure, STAGE_END);
	if (!(window->marks >> MEASURE_RESET & 1)) {
		if (wait_for_edge(measure, &snapshot, error) < 0) {
			fail(measure, "%s; the last tick seen is the end", error);
			window->marks |= UINT32_C(1) << MEASURE_OPEN;
		} else {
			(void)measure_window_add(window, snapshot);
		}
	}
	if (measure->child.signal)
		window->marks |= UINT32_C(1) << MEASURE_INTERRUPTED;
	measure_window_end(window);
	if (window->marks >> MEASURE_RESET & 1)
		fail(measure, "the ledger began anew: the window ends before that");
}

/* A record that cannot be kept is shown, so that it is not lost. */
static void keep(struct measure *measure, const struct measure_run *run)
{
	const struct measure_config *config = measure->config;
	cleanup(json_text_deinit) struct json_text text = { 0 };
	char error[MEASURE_FILE_ERROR_SIZE];

	if (!config->file)
		return;
	if (config->format == MEASURE_CSV)
		measure_record_csv(&measure->about, run, &text);
	else
		measure_record_json(&measure->about, run, &text);
	if (json_text_error(&text) < 0)
		snprintf(error, sizeof(error), "%s", strerror(ENOMEM));
	else if (measure_file_append(config->file, config->format, &text, error) == 0)
		return;
	measure->not_kept = true;
	fail(measure, "%s. This is what was to be appended:", error);
	fwrite(text.data, 1, text.used, stderr);
}

/* Domains that came up are rows of the next windows, too, in the same place. */
static int keep_uuids(struct measure *measure, const struct measure_window *window)
{
	size_t n = window->n_rows - MEASURE_DOMAIN;

	if (n > 0 && array_resize(&measure->uuids, n) < 0)
		return fail(measure, "%s", strerror(ENOMEM));
	for (size_t i = 0; i < n; i++)
		measure->uuids[i] = window->rows[MEASURE_DOMAIN + i].uuid;
	measure->n_uuids = n;
	return EXIT_SUCCESS;
}

static int start_command(struct measure *measure, struct measure_run *run)
{
	char *const *command = measure->config->command;
	int r;

	/* A terminal sends it once, and only to those that are there. */
	(void)measure_child_wait(&measure->child, 0);
	if (measure->child.signal)
		return MEASURE_EXIT_SIGNAL + measure->child.signal;
	run->command_begin_ns = clock_boottime_ns();
	r = measure_child_start(&measure->child, command);
	if (r == 0)
		return EXIT_SUCCESS;
	fail(measure, "cannot run %s: %s", command[0], strerror(-r));
	return r == -ENOENT ? MEASURE_EXIT_NO_FILE : MEASURE_EXIT_NO_EXEC;
}

/* One window. The exit status of what vmpower does itself. */
static int measure_once(struct measure *measure)
{
	struct measure_run *run = &measure->runs[measure->n_runs];
	int status;

	*run = (struct measure_run){ .repeat = measure->n_runs + 1, .exit_status = -1 };
	status = begin_window(measure, run);
	if (status == EXIT_SUCCESS && measure->config->command)
		status = start_command(measure, run);
	if (status != EXIT_SUCCESS) {
		if (measure->n_runs == run->repeat)
			measure_window_deinit(&measure->runs[--measure->n_runs].window);
		return status;
	}
	stay(measure, run);
	if (measure->config->command) {
		run->command_end_ns = measure->child.end_ns;
		run->exit_status = measure->child.exit_status;
	}
	end_window(measure, run);
	keep(measure, run);
	return keep_uuids(measure, &run->window);
}

static int report(struct measure *measure)
{
	const struct measure_config *config = measure->config;
	cleanup(json_text_deinit) struct json_text text = { 0 };

	if (!config->json) {
		/* stdout is the COMMAND's. */
		measure_report_print(config->command ? stderr : stdout, &measure->about,
			measure->runs, measure->n_runs);
		return EXIT_SUCCESS;
	}
	measure_report_json(&measure->about, measure->runs, measure->n_runs, &text);
	if (json_text_error(&text) < 0)
		return fail(measure, "%s", strerror(ENOMEM));
	fwrite(text.data, 1, text.used, stdout);
	return EXIT_SUCCESS;
}

/* Of all that happened: what vmpower failed in, then how the COMMAND ended. */
static int exit_status(const struct measure *measure, int status)
{
	const struct measure_config *config = measure->config;

	if (status != EXIT_SUCCESS)
		return status;
	if (measure->not_kept)
		return config->command ? MEASURE_EXIT_FAILURE : EXIT_FAILURE;
	if (config->command)
		return measure->child.exit_status;
	return measure->child.signal ? MEASURE_EXIT_SIGNAL + measure->child.signal
				     : EXIT_SUCCESS;
}

static int prepare(struct measure *measure)
{
	const struct measure_config *config = measure->config;
	char error[MEASURE_FILE_ERROR_SIZE];
	int r = measure_child_init(&measure->child);

	if (r < 0)
		return fail(measure, "cannot wait for signals: %s", strerror(-r));
	r = client_new(config->socket, is_over, measure, &measure->client);
	if (r < 0)
		return fail(measure, "%s", strerror(-r));
	if (gethostname(measure->host, sizeof(measure->host) - 1) < 0)
		measure->host[0] = '\0';
	measure->about = (struct measure_about){
		.name = config->name,
		.program = config->command ? config->command[0] : "",
		.host = measure->host,
		.n_repeats = config->n_repeats,
	};
	measure->runs = calloc(config->n_repeats, sizeof(*measure->runs));
	if (!measure->runs)
		return fail(measure, "%s", strerror(ENOMEM));
	if (config->file && measure_file_check(config->file, config->format, error) < 0)
		return fail(measure, "%s", error);
	return EXIT_SUCCESS;
}

int measure_run(const struct measure_config *config)
{
	cleanup(cleanup_measurep) struct measure measure = { .config = config,
		.child.signal_fd = -1 };
	int status;

	progress_init(&measure.progress, stderr);
	status = prepare(&measure);
	while (status == EXIT_SUCCESS && measure.n_runs < config->n_repeats &&
		!measure.child.signal && measure.child.exit_status == 0)
		status = measure_once(&measure);
	progress_end(&measure.progress);
	if (measure.n_runs > 0) {
		int r = report(&measure);

		if (status == EXIT_SUCCESS)
			status = r;
	}
	return exit_status(&measure, status);
}
