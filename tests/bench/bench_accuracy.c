/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How true attribution is, on simulated hosts of which all is known. Only options
 * and wiring here; what is simulated is said in run.h, rig.h, load.h, place.h and
 * game.h, who is judged in contest.h and formula.h, and how in score.h.
 *
 * Fails if vmpower's shares of any zone and tick do not add up to what its counter
 * grew by.
 *
 * Seeds below 1000 are for reporting. What has parameters is tuned on seeds from 1000
 * on, and on no other.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/accuracy/report.h"
#include "tests/bench/accuracy/trace.h"

struct options {
	const struct scenario *scenario; /* NULL: all */
	uint64_t first_seed, last_seed;
	unsigned n_ticks;
	const char *trace_dir;
	bool each, markdown;
};

static const char usage[] =
	"Usage: bench_accuracy [OPTION]...\n"
	"Attributes the energy of simulated hosts and says how wrong it is.\n"
	"\n"
	"  --scenario NAME  main, plain, low, mid or high (all of them; recordings: main)\n"
	"  --seeds A-B      hosts to simulate (1-100)\n"
	"  --ticks N        seconds of each (150)\n"
	"  --each           a line for every seed, too\n"
	"  --markdown       the tables of the README\n"
	"  --trace DIR      write recordings, and the truth beside them, instead\n"
	"  --help           this text\n";

static int write_ticks(const struct options *options, struct run *run,
	struct sample *sample, struct trace *trace)
{
	trace_write_sample(trace, run, sample);
	for (unsigned t = 0; t < options->n_ticks; t++) {
		int r = run_tick(run, sample);

		if (r < 0)
			return r;
		trace_write_sample(trace, run, sample);
		trace_write_truth(trace, run);
	}
	return 0;
}

static int write_trace(
	const struct options *options, const struct scenario *scenario, uint64_t seed)
{
	struct sample sample = { 0 };
	struct trace trace;
	struct run *run;
	int r, r_close;

	r = run_new(scenario, seed, &run, &sample);
	if (r < 0)
		return r;
	r = trace_open(&trace, options->trace_dir, scenario->name, seed, run);
	if (r == 0) {
		r = write_ticks(options, run, &sample, &trace);
		r_close = trace_close(&trace);
		if (r == 0)
			r = r_close;
	}
	sample_deinit(&sample);
	run_free(run);
	return r;
}

static int judge(const struct options *options, struct report *report, uint64_t seed)
{
	struct contest_result result;
	int r = contest_run(report->scenario, seed, options->n_ticks, &result);

	if (r == 0)
		r = report_add(report, &result);
	if (r == 0 && options->each)
		report_print_seed(stdout, report, report->n - 1);
	return r;
}

/* All seeds of a scenario. */
static int run_scenario(const struct options *options, struct report *report)
{
	int r = 0;

	for (uint64_t seed = options->first_seed; r == 0 && seed <= options->last_seed;
		seed++) {
		r = options->trace_dir ? write_trace(options, report->scenario, seed)
				       : judge(options, report, seed);
		if (r < 0)
			fprintf(stderr, "bench_accuracy: seed %" PRIu64 ": %s\n", seed,
				strerror(-r));
	}
	if (r == 0 && !options->trace_dir && !options->markdown)
		report_print_text(stdout, report);
	return r;
}

static int run_all(const struct options *options)
{
	struct report reports[SCENARIOS] = { 0 };
	unsigned n = 0;
	int r = 0;

	for (const struct scenario *s = scenarios; r == 0 && s->name; s++) {
		if (options->scenario && options->scenario != s)
			continue;
		reports[n] = (struct report){
			.scenario = s,
			.first_seed = options->first_seed,
			.last_seed = options->last_seed,
			.n_ticks = options->n_ticks,
		};
		r = run_scenario(options, &reports[n++]);
	}
	if (r == 0 && options->markdown)
		report_print_markdown(stdout, reports, n);
	for (unsigned i = 0; i < n; i++) {
		if (r == 0 && report_residual_uj(&reports[i]) != 0) {
			fputs("bench_accuracy: vmpower's shares do not add up\n", stderr);
			r = -EDOM;
		}
		report_deinit(&reports[i]);
	}
	return r;
}

static int parse_option(struct options *options, int c)
{
	int end = -1;

	switch (c) {
	case 's':
		options->scenario = scenario_find(optarg);
		return options->scenario ? 0 : -EINVAL;
	case 'n':
		sscanf(optarg, "%" SCNu64 "-%" SCNu64 "%n", &options->first_seed,
			&options->last_seed, &end);
		return end > 0 && !optarg[end] &&
				       options->first_seed <= options->last_seed
			       ? 0
			       : -EINVAL;
	case 't':
		sscanf(optarg, "%u%n", &options->n_ticks, &end);
		return end > 0 && !optarg[end] && options->n_ticks > CONTEST_WARM_UP
			       ? 0
			       : -EINVAL;
	case 'r':
		options->trace_dir = optarg;
		return 0;
	case 'e':
		options->each = true;
		return 0;
	case 'm':
		options->markdown = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "scenario", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "ticks", required_argument, NULL, 't' },
		{ "trace", required_argument, NULL, 'r' },
		{ "each", no_argument, NULL, 'e' },
		{ "markdown", no_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options options = { .first_seed = 1, .last_seed = 100, .n_ticks = 150 };
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		r = parse_option(&options, c);
	}
	if (r < 0 || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (options.trace_dir && !options.scenario)
		options.scenario = &scenarios[0];
	return run_all(&options) < 0 ? 1 : 0;
}
