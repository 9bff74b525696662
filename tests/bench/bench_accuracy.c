/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How true attribution is, on simulated hosts of which all is known. Only options
 * and wiring here; what is simulated is said in run.h, rig.h, load.h and game.h.
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

#include "tests/bench/accuracy/run.h"
#include "tests/bench/accuracy/trace.h"

struct options {
	const struct scenario *scenario;
	uint64_t first_seed, last_seed;
	unsigned n_ticks;
	const char *trace_dir;
};

static const char usage[] =
	"Usage: bench_accuracy [OPTION]...\n"
	"Attributes the energy of simulated hosts and says how wrong it is.\n"
	"\n"
	"  --scenario NAME  main, plain, low, mid, high (main)\n"
	"  --seeds A-B      hosts to simulate (1-100)\n"
	"  --ticks N        seconds of each (150)\n"
	"  --trace DIR      write recordings, and the truth beside them\n"
	"  --help           this text\n";

static void print_run(const struct options *options, uint64_t seed, const struct run *run)
{
	static const char *const governors[] = { "fixed", "performance", "schedutil" };
	const struct rig *rig = &run->rig;

	printf("%s %" PRIu64 ": %u x %u cores%s, %s, %u domains, load %.2f\n",
		options->scenario->name, seed, rig->n_packages, rig->n_cores,
		rig->n_siblings > 1 ? " with SMT" : "", governors[rig->governor],
		run->load.n_domains, run->load.target);
}

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

static int run_seed(const struct options *options, uint64_t seed)
{
	struct sample sample = { 0 };
	struct trace trace;
	struct run *run;
	int r, r_close;

	r = run_new(options->scenario, seed, &run, &sample);
	if (r < 0)
		return r;
	print_run(options, seed, run);
	if (options->trace_dir) {
		r = trace_open(
			&trace, options->trace_dir, options->scenario->name, seed, run);
		if (r == 0) {
			r = write_ticks(options, run, &sample, &trace);
			r_close = trace_close(&trace);
			if (r == 0)
				r = r_close;
		}
	}
	sample_deinit(&sample);
	run_free(run);
	return r;
}

static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "scenario", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "ticks", required_argument, NULL, 't' },
		{ "trace", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, end = 0;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c == 's' && (options->scenario = scenario_find(optarg)))
			continue;
		if (c == 'n' &&
			sscanf(optarg, "%" SCNu64 "-%" SCNu64 "%n", &options->first_seed,
				&options->last_seed, &end) == 2 &&
			!optarg[end])
			continue;
		if (c == 't' && sscanf(optarg, "%u%n", &options->n_ticks, &end) == 1 &&
			!optarg[end] && options->n_ticks > 0)
			continue;
		if (c == 'r') {
			options->trace_dir = optarg;
			continue;
		}
		if (c == 'h') {
			fputs(usage, stdout);
			return 1;
		}
		return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = {
		.scenario = &scenarios[0],
		.first_seed = 1,
		.last_seed = 100,
		.n_ticks = 150,
	};
	int r = parse_options(&options, argc, argv);

	if (r < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (r > 0)
		return 0;
	for (uint64_t seed = options.first_seed; seed <= options.last_seed; seed++) {
		r = run_seed(&options, seed);
		if (r < 0) {
			fprintf(stderr, "bench_accuracy: seed %" PRIu64 ": %s\n", seed,
				strerror(-r));
			return 1;
		}
	}
	return 0;
}
