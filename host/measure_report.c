/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Tables and means. */
#include "host/measure_report.h"

#include <inttypes.h>
#include <string.h>

#include "host/statistics.h"
#include "host/text.h"

#define NAME_WIDTH 18u
#define ALL_ZONES  SIZE_MAX

/* What there is of a row in a zone, in all runs that count. */
struct figures {
	struct statistics dynamic_j, idle_j, joules, watts;
	double peak_w; /* the highest */
};

bool measure_report_counts(const struct measure_run *run)
{
	const uint32_t cut = UINT32_C(1) << MEASURE_INTERRUPTED |
			     UINT32_C(1) << MEASURE_OPEN | UINT32_C(1) << MEASURE_RESET;

	return !(run->window.marks & cut) && run->exit_status <= 0;
}

static double seconds(const struct measure_window *window)
{
	return (double)(window->end_ns - window->begin_ns) / 1e9;
}

static struct measure_energy energy_of(
	const struct measure_window *window, size_t row, size_t zone)
{
	return zone == ALL_ZONES ? measure_window_sum(window, row)
				 : measure_window_energy(window, row, zone);
}

static void add_run(
	struct figures *figures, const struct measure_run *run, size_t row, size_t zone)
{
	const struct measure_window *window = &run->window;
	struct measure_energy energy = energy_of(window, row, zone);
	const struct measure_row *of = &window->rows[row];
	double peak_w = (double)(zone == ALL_ZONES ? of->peak_uw
						   : of->zones[zone].peak_uw) /
			1e6;

	statistics_add(&figures->dynamic_j, (double)energy.dynamic_uj / 1e6);
	statistics_add(&figures->idle_j, (double)energy.idle_uj / 1e6);
	statistics_add(&figures->joules, (double)energy.uj / 1e6);
	statistics_add(&figures->watts, measure_window_watts(window, energy.uj));
	if (peak_w > figures->peak_w)
		figures->peak_w = peak_w;
}

static bool has_zones_of(
	const struct measure_window *window, const struct measure_window *other)
{
	if (window->n_zones != other->n_zones)
		return false;
	for (size_t z = 0; z < window->n_zones; z++) {
		if (strcmp(window->zone_names[z], other->zone_names[z]) != 0)
			return false;
	}
	return true;
}

/*
 * Of a row, which has the same place in all windows that have it, and of a zone, which
 * may be another in its place where zones came or went: those windows are left out.
 */
static struct figures find_figures(
	const struct measure_run *runs, size_t n, size_t row, size_t zone, bool all_runs)
{
	struct figures figures = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct measure_window *window = &runs[i].window;

		if ((all_runs || measure_report_counts(&runs[i])) &&
			row < window->n_rows && has_zones_of(window, &runs[n - 1].window))
			add_run(&figures, &runs[i], row, zone);
	}
	return figures;
}

static void print_marks(FILE *out, uint32_t marks)
{
	const char *before = "  ";

	for (int i = 0; i < MEASURE_MARKS; i++) {
		if (!(marks >> i & 1))
			continue;
		fprintf(out, "%s%s", before, measure_mark_name((enum measure_mark)i));
		before = ", ";
	}
	fputc('\n', out);
}

static void print_name(FILE *out, const struct measure_row *row)
{
	static const char *const names[] = {
		[MEASURE_TOTAL] = "(total)",
		[MEASURE_UNATTRIBUTED] = "(unattributed)",
		[MEASURE_HOST] = "(host)",
		[MEASURE_OTHERS] = "(other domains)",
	};

	if (row->kind < MEASURE_DOMAIN) {
		fprintf(out, "%-*s", (int)NAME_WIDTH, names[row->kind]);
		return;
	}
	if (row->name) {
		text_print_padded(out, row->name, NAME_WIDTH);
	} else {
		char uuid[UUID_TEXT_SIZE];

		uuid_format(&row->uuid, uuid);
		fputs(uuid, out);
	}
}

static void print_figures(FILE *out, const struct figures *figures, double all_j)
{
	const struct statistics *joules = &figures->joules;

	fprintf(out, " %10.3f %10.3f %10.3f %6.1f%% %8.3f %8.3f", figures->dynamic_j.mean,
		figures->idle_j.mean, joules->mean,
		all_j > 0 ? 100 * joules->mean / all_j : 0.0, figures->watts.mean,
		figures->peak_w);
}

static void print_confidence(FILE *out, const struct figures *figures)
{
	if (figures->joules.n < 2)
		return;
	fprintf(out, "%-*s %10.3f %10.3f %10.3f %7s %8.3f\n", (int)NAME_WIDTH,
		"  +/- (95 %)", statistics_confidence(&figures->dynamic_j),
		statistics_confidence(&figures->idle_j),
		statistics_confidence(&figures->joules), "",
		statistics_confidence(&figures->watts));
}

/* The rows and zones of the last window; the figures are of all runs that count. */
static void print_table(
	FILE *out, const struct measure_run *runs, size_t n, bool all_runs)
{
	const struct measure_window *window = &runs[n - 1].window;
	double all_j =
		find_figures(runs, n, MEASURE_TOTAL, ALL_ZONES, all_runs).joules.mean;

	fprintf(out, "\n%-*s %10s %10s %10s %7s %8s %8s\n", (int)NAME_WIDTH, "DOMAIN",
		"DYN J", "IDLE J", "JOULES", "SHARE", "WATTS", "PEAK W");
	for (size_t i = 0; i < window->n_rows; i++) {
		size_t row = measure_window_nth(window, i);
		struct figures figures = find_figures(runs, n, row, ALL_ZONES, all_runs);

		print_name(out, &window->rows[row]);
		print_figures(out, &figures, all_j);
		print_marks(out, window->rows[row].marks);
		print_confidence(out, &figures);
		for (size_t z = 0; window->n_zones > 1 && z < window->n_zones; z++) {
			figures = find_figures(runs, n, row, z, all_runs);
			fprintf(out, "  %-*s", (int)NAME_WIDTH - 2,
				window->zone_names[z]);
			print_figures(out, &figures, all_j);
			fputc('\n', out);
		}
	}
}

static void print_run(FILE *out, const struct measure_run *run)
{
	const struct measure_window *window = &run->window;

	fprintf(out, "%.3f s, %" PRIu64 " ticks, source=", seconds(window),
		window->n_ticks);
	text_print(out, window->source);
	fprintf(out, ", quality=%s, idle-policy=",
		message_quality_name(measure_window_quality(window)));
	text_print(out, window->idle_policy);
	if (run->exit_status > 0)
		fprintf(out, ", exit status %d", run->exit_status);
	print_marks(out, window->marks);
}

static struct statistics find_seconds(const struct measure_run *runs, size_t n)
{
	struct statistics statistics = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (measure_report_counts(&runs[i]))
			statistics_add(&statistics, seconds(&runs[i].window));
	}
	return statistics;
}

void measure_report_print(FILE *out, const struct measure_about *about,
	const struct measure_run *runs, size_t n)
{
	struct statistics all = find_seconds(runs, n);

	if (about->name[0]) {
		text_print(out, about->name);
		fputc('\n', out);
	}
	for (size_t i = 0; i < n; i++) {
		if (n > 1)
			fprintf(out, "run %" PRIu64 ": ", runs[i].repeat);
		print_run(out, &runs[i]);
	}
	/* Better cut short than nothing. */
	if (all.n == 0) {
		print_table(out, runs + n - 1, 1, true);
		return;
	}
	if (n > 1)
		fprintf(out, "mean of %zu: %.3f s +/- %.3f\n", all.n, all.mean,
			statistics_confidence(&all));
	print_table(out, runs, n, false);
}

static void put_number(struct json_text *text, double value)
{
	json_text_watts(text, value > 0 ? (uint64_t)(value * 1e6 + 0.5) : 0);
}

static void put_statistics(
	struct json_text *text, const char *key, const struct statistics *statistics)
{
	json_text_string(text, key);
	json_text_literal(text, ":{\"mean\":");
	put_number(text, statistics->mean);
	if (statistics->n > 1) {
		json_text_literal(text, ",\"confidence_95\":");
		put_number(text, statistics_confidence(statistics));
		json_text_literal(text, ",\"deviation\":");
		put_number(text, statistics_deviation(statistics));
	}
	json_text_literal(text, "}");
}

static void put_figures(struct json_text *text, const struct figures *figures)
{
	json_text_literal(text, "\"n\":");
	json_text_u64(text, figures->joules.n);
	json_text_literal(text, ",");
	put_statistics(text, "energy_j", &figures->joules);
	json_text_literal(text, ",");
	put_statistics(text, "dynamic_j", &figures->dynamic_j);
	json_text_literal(text, ",");
	put_statistics(text, "idle_j", &figures->idle_j);
	json_text_literal(text, ",");
	put_statistics(text, "average_w", &figures->watts);
	json_text_literal(text, ",\"peak_w\":");
	put_number(text, figures->peak_w);
}

static void put_row(
	struct json_text *text, const struct measure_run *runs, size_t n, size_t index)
{
	const struct measure_window *window = &runs[n - 1].window;
	const struct measure_row *row = &window->rows[index];
	struct figures figures = find_figures(runs, n, index, ALL_ZONES, false);
	char uuid[UUID_TEXT_SIZE];

	json_text_literal(text, "{\"row\":");
	json_text_string(text, measure_row_kind_name(row->kind));
	if (row->kind == MEASURE_DOMAIN) {
		uuid_format(&row->uuid, uuid);
		json_text_literal(text, ",\"uuid\":");
		json_text_string(text, uuid);
		json_text_literal(text, ",\"domain\":");
		json_text_string(text, row->name ? row->name : "");
	}
	json_text_literal(text, ",");
	put_figures(text, &figures);
	json_text_literal(text, ",\"zones\":{");
	for (size_t z = 0; z < window->n_zones; z++) {
		figures = find_figures(runs, n, index, z, false);
		if (z > 0)
			json_text_literal(text, ",");
		json_text_string(text, window->zone_names[z]);
		json_text_literal(text, ":{");
		put_figures(text, &figures);
		json_text_literal(text, "}");
	}
	json_text_literal(text, "}}");
}

static void put_mean(struct json_text *text, const struct measure_run *runs, size_t n,
	const struct statistics *all)
{
	const struct measure_window *window = &runs[n - 1].window;

	json_text_literal(text, ",\"mean\":{\"n\":");
	json_text_u64(text, all->n);
	json_text_literal(text, ",");
	put_statistics(text, "seconds", all);
	json_text_literal(text, ",\"rows\":[");
	for (size_t i = 0; i < window->n_rows; i++) {
		if (i > 0)
			json_text_literal(text, ",");
		put_row(text, runs, n, measure_window_nth(window, i));
	}
	json_text_literal(text, "]}");
}

void measure_report_json(const struct measure_about *about,
	const struct measure_run *runs, size_t n, struct json_text *text)
{
	struct statistics all = find_seconds(runs, n);

	json_text_literal(text, "{\"runs\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			json_text_literal(text, ",");
		measure_record_object(about, &runs[i], text);
	}
	json_text_literal(text, "]");
	if (all.n > 0)
		put_mean(text, runs, n, &all);
	json_text_literal(text, "}\n");
}
