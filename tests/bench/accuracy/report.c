/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Tables of the accuracy bench. */
#include "tests/bench/accuracy/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How a figure is drawn together over seeds. */
struct line {
	double tick, run, run_p95, run_max, zone, worst_median, sum, null_j;
	double published_run, published_sum;
};

int report_add(struct report *report, const struct contest_result *result)
{
	if (report->n == report->size) {
		unsigned size = report->size ? 2 * report->size : 64;
		void *grown = reallocarray(report->values, size, sizeof(*report->values));

		if (!grown)
			return -ENOMEM;
		report->values = grown;
		grown = reallocarray(report->results, size, sizeof(*report->results));
		if (!grown)
			return -ENOMEM;
		report->results = grown;
		report->size = size;
	}
	report->results[report->n++] = *result;
	return 0;
}

void report_deinit(struct report *report)
{
	free(report->results);
	free(report->values);
	memset(report, 0, sizeof(*report));
}

/* One figure of one entrant in all seeds, into the values. */
static void take(const struct report *report, unsigned entrant, enum score_figure figure,
	bool published)
{
	for (unsigned i = 0; i < report->n; i++) {
		const struct contest_result *result = &report->results[i];

		report->values[i] = published ? result->published[entrant][figure]
					      : result->figures[entrant][figure];
	}
}

static double mean_of(const struct report *report, unsigned entrant,
	enum score_figure figure, bool published)
{
	take(report, entrant, figure, published);
	return score_mean(report->values, report->n);
}

static struct line line_of(const struct report *report, unsigned entrant)
{
	struct line line;

	line.tick = mean_of(report, entrant, SCORE_TICK, false);
	line.zone = mean_of(report, entrant, SCORE_ZONE, false);
	line.sum = mean_of(report, entrant, SCORE_SUM, false);
	line.null_j = mean_of(report, entrant, SCORE_NULL, false) * report->n;
	line.published_run = mean_of(report, entrant, SCORE_RUN, true);
	line.published_sum = mean_of(report, entrant, SCORE_SUM, true);
	line.run = mean_of(report, entrant, SCORE_RUN, false);
	line.run_p95 = score_quantile(report->values, report->n, 0.95);
	line.run_max = report->values[report->n - 1];
	take(report, entrant, SCORE_WORST, false);
	line.worst_median = score_quantile(report->values, report->n, 0.5);
	return line;
}

static double truth_error(const struct report *report)
{
	double most = 0;

	for (unsigned i = 0; i < report->n; i++)
		if (report->results[i].truth_error > most)
			most = report->results[i].truth_error;
	return most;
}

uint64_t report_residual_uj(const struct report *report)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < report->n; i++)
		if (report->results[i].residual_uj > most)
			most = report->results[i].residual_uj;
	return most;
}

void report_print_seed(FILE *out, const struct report *report, unsigned index)
{
	const struct contest_result *result = &report->results[index];

	fprintf(out, "%s %" PRIu64 ": load %.2f, WAPE", report->scenario->name,
		report->first_seed + index, result->load);
	for (unsigned e = 0; e <= CONTEST_PLAIN; e++)
		fprintf(out, "%s %s %.2f %%", e > 0 ? "," : "", contest_name(e),
			100 * result->figures[e][SCORE_RUN]);
	fputc('\n', out);
}

/* A mode against the plain share, seed by seed. */
struct duel {
	unsigned n_worse; /* by over a point */
	unsigned seed;	  /* where it loses most, or gains least */
	double worst;
};

static struct duel duel_of(const struct report *report, unsigned mode)
{
	struct duel duel = { .worst = -1 };

	for (unsigned i = 0; i < report->n; i++) {
		const struct contest_result *result = &report->results[i];
		double more = result->figures[mode][SCORE_RUN] -
			      result->figures[CONTEST_PLAIN][SCORE_RUN];

		duel.n_worse += more > 0.01;
		if (more > duel.worst) {
			duel.worst = more;
			duel.seed = i;
		}
	}
	return duel;
}

static void print_duel(FILE *out, const struct report *report, unsigned mode)
{
	struct duel duel = duel_of(report, mode);

	fprintf(out,
		"%s: over 1 point worse than the plain share on %u of %u seeds; at worst "
		"%+.2f points (seed %" PRIu64 ")\n",
		contest_name(mode), duel.n_worse, report->n, 100 * duel.worst,
		report->first_seed + duel.seed);
}

void report_print_text(FILE *out, const struct report *report)
{
	fprintf(out,
		"%s: seeds %" PRIu64 "-%" PRIu64 ", %u ticks, the first %u not counted\n"
		"%-28s | %-31s | %-7s | %-7s | %-15s | %-15s\n"
		"%-28s | %7s %7s %7s %7s | %7s | %7s | %7s %7s | %7s %7s\n",
		report->scenario->name, report->first_seed, report->last_seed,
		report->n_ticks, CONTEST_WARM_UP, "", "WAPE %", "by pkg", "domain",
		"given dynamic", "as published", "", "tick", "run", "P95", "max", "run",
		"worst %", "sum", "null J", "run", "sum");
	for (unsigned e = 0; e < CONTEST_ENTRANTS; e++) {
		struct line line = line_of(report, e);

		fprintf(out,
			"%-28s | %7.2f %7.2f %7.2f %7.2f | %7.2f | %7.2f | "
			"%7.3f %7.1f | %7.2f %7.3f\n",
			contest_name(e), 100 * line.tick, 100 * line.run,
			100 * line.run_p95, 100 * line.run_max, 100 * line.zone,
			100 * line.worst_median, line.sum, line.null_j,
			100 * line.published_run, line.published_sum);
	}
	for (unsigned m = 0; m < CONTEST_MODES; m++)
		print_duel(out, report, m);
	fprintf(out,
		"conservation: at most %" PRIu64 " uJ off in any zone and tick; truth's "
		"standard error: at most %.3f %%\n\n",
		report_residual_uj(report), 100 * truth_error(report));
}

static void print_entrants(FILE *out, const struct report *report)
{
	fputs("| attribution | WAPE a tick | WAPE a run | P95 of runs | worst domain | "
	      "sum / measured | idle domains' energy | as published |\n"
	      "|---|---|---|---|---|---|---|---|\n",
		out);
	for (unsigned e = 0; e < CONTEST_ENTRANTS; e++) {
		struct line line = line_of(report, e);

		fprintf(out,
			"| %s | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.2f | %.0f J | ",
			contest_name(e), 100 * line.tick, 100 * line.run,
			100 * line.run_p95, 100 * line.worst_median, line.sum,
			line.null_j);
		if (e >= CONTEST_MODES && formulas[e - CONTEST_MODES].takes_idle)
			fprintf(out, "%.1f %% |\n", 100 * line.published_run);
		else
			fputs("the same |\n", out);
	}
}

static void print_scenarios(FILE *out, const struct report *reports, unsigned n)
{
	fputs("\n| hosts | load |", out);
	for (unsigned e = 0; e <= CONTEST_PLAIN; e++)
		fprintf(out, " %s |", contest_name(e));
	fputs(" seeds on which learning is over 1 point worse than plain |\n"
	      "|---|---|---|---|---|---|\n",
		out);
	for (unsigned i = 0; i < n; i++) {
		const struct scenario *scenario = reports[i].scenario;
		struct duel duel = duel_of(&reports[i], CONTEST_LEARN);

		fprintf(out, "| %s | %.2f to %.2f |", scenario->what, scenario->load_min,
			scenario->load_max);
		for (unsigned e = 0; e <= CONTEST_PLAIN; e++) {
			struct line line = line_of(&reports[i], e);

			fprintf(out, " %.1f %% (P95 %.1f %%) |", 100 * line.run,
				100 * line.run_p95);
		}
		fprintf(out, " %u of %u (at worst %+.1f) |\n", duel.n_worse, reports[i].n,
			100 * duel.worst);
	}
}

void report_print_markdown(FILE *out, const struct report *reports, unsigned n)
{
	uint64_t residual_uj = 0;

	fprintf(out,
		"Simulated hosts; on hardware it is unverified. Seeds %" PRIu64
		" to %" PRIu64
		" of `make bench-accuracy`, %u s each without the first %u%s; "
		"the truth is the Shapley value of the "
		"packages' dynamic power (exact up to %u players at a time, the standard "
		"error of the rest at most %.2f %% of a run's energy). WAPE: sum of "
		"|attributed - true| over domains and host, by the true sum; means over "
		"seeds; the worst domain is the median over seeds of the largest relative "
		"error of a domain with %.0f %% of the energy or more. Every formula is "
		"given the dynamic energy; the last column has those that share out all "
		"energy, idle included, as published.\n\n",
		reports[0].first_seed, reports[0].last_seed, reports[0].n_ticks,
		CONTEST_WARM_UP,
		reports[0].last_seed < SCENARIO_TUNING_SEED
			? ", none of them used in tuning"
			: "",
		SHAPLEY_EXACT_MAX, 100 * truth_error(&reports[0]), 100 * SCORE_PART_MIN);
	print_entrants(out, &reports[0]);
	print_scenarios(out, reports, n);
	for (unsigned i = 0; i < n; i++)
		if (report_residual_uj(&reports[i]) > residual_uj)
			residual_uj = report_residual_uj(&reports[i]);
	fprintf(out,
		"\nvmpower's shares add up to the counters to within %" PRIu64
		" uJ in every zone and tick.\n",
		residual_uj);
}
