/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The screen of vmpower top, from its title to its keys. */
#include "host/top_render.h"

#include <stdio.h>
#include <string.h>

#include "host/text.h"
#include "host/top_table.h"
#include "shared/clock.h"
#include "shared/message.h"

/* A tick as old as so many of its lengths, or this old, is one that should be over. */
#define STALE_TICKS  3
#define STALE_MIN_NS (3 * (uint64_t)NSEC_PER_SEC)

/* So many domains are worth more than what else there is to see. */
#define DOMAINS_MIN 4
#define FLAGS_MAX   4

/* One of them. */
#define FLAG_SIZE      768
#define FLAG_LINES_MAX 3

/* How many lines each part has. */
struct plan {
	size_t title, flags, columns, domains, others, zones_gap, zones, detail_gap,
		detail, keys;
};

/* The lines that say what is wrong; also counts them, without a frame. */
struct flags {
	struct top_frame *frame;
	size_t width;
	size_t line, end; /* of the frame */
	size_t n;	  /* so far */
};

/* How many bytes of the text are one line: up to a blank, if all of it is too long. */
static size_t line_len(const char *text, size_t width)
{
	size_t left = strlen(text), len = 0, blank = 0, columns = 0;

	while (len < left) {
		wchar_t character;
		size_t more, n = text_next(text + len, left - len, &character, &more);

		columns += more ? more : 1;
		if (columns > width)
			return blank ? blank : len ? len : n;
		if (text[len] == ' ')
			blank = len;
		len += n;
	}
	return len;
}

static void put_flag(struct flags *flags, const char *text)
{
	flags->n++;
	if (flags->line >= flags->end)
		return;
	top_frame_put(flags->frame, flags->line, 0, flags->width, text);
	top_frame_set_look(flags->frame, flags->line, 0, flags->width, TOP_LOOK_ALERT);
	flags->line++;
}

/* Text of the program's, then what others wrote, which may be NULL. */
static void flag(struct flags *flags, const char *text, const char *detail)
{
	char whole[FLAG_SIZE], *at = whole;

	snprintf(whole, sizeof(whole), "%s%s", text, detail ? detail : "");
	for (unsigned int i = 0; i < FLAG_LINES_MAX && *at; i++) {
		char *end = at + line_len(at, flags->width), next = *end;

		*end = '\0';
		put_flag(flags, at);
		*end = next;
		at = end + (next == ' ');
	}
}

static bool is_stale(const struct snapshot *snapshot, uint64_t age_ns)
{
	return age_ns > STALE_MIN_NS && age_ns / STALE_TICKS > snapshot->dt_ns;
}

static void list_tick_flags(
	struct flags *flags, const struct snapshot *snapshot, const struct top_view *view)
{
	char text[96];

	if (view->trouble && snapshot)
		flag(flags, "What follows is the last tick known, of ", view->clock);
	if (!snapshot)
		return;
	if (!view->trouble && is_stale(snapshot, view->age_ns)) {
		snprintf(text, sizeof(text), "No new tick for %.0f s, since ",
			(double)view->age_ns / NSEC_PER_SEC);
		flag(flags, text, view->clock);
	}
	if (snapshot_is_estimate(snapshot))
		flag(flags, "Estimate: from CPU time, not a measurement", NULL);
	if (snapshot->quality == MESSAGE_DEGRADED)
		flag(flags, "Degraded: something is missing in this tick", NULL);
	if (snapshot->dt_ns > 0 && snapshot->late_ns > snapshot->dt_ns / 10) {
		snprintf(text, sizeof(text),
			"Late: this tick began %.2f s after its time",
			(double)snapshot->late_ns / NSEC_PER_SEC);
		flag(flags, text, NULL);
	}
	if (!snapshot->libvirt_connected)
		flag(flags, "libvirt is away: domains are as last known", NULL);
}

static void list_flags(
	struct flags *flags, const struct snapshot *snapshot, const struct top_view *view)
{
	if (view->trouble)
		flag(flags, "vmpower-hostd is away: ", view->trouble);
	list_tick_flags(flags, snapshot, view);
	for (size_t z = 0; snapshot && z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];
		char text[64];

		if (zone->state == TICK_ZONE_EXCLUDED) {
			snprintf(text, sizeof(text), "%s is excluded: ", zone->name);
			flag(flags, text,
				zone->problem ? zone->problem : "it cannot be read");
		} else if (zone->state == TICK_ZONE_AMBIGUOUS) {
			snprintf(text, sizeof(text), "%s may have wrapped unseen",
				zone->name);
			flag(flags, text, NULL);
		}
	}
}

static size_t count_flags(
	const struct snapshot *snapshot, const struct top_view *view, size_t width)
{
	struct flags flags = { .width = width };

	list_flags(&flags, snapshot, view);
	return flags.n;
}

/* Gives a part that has some lines so many in all, as far as there are. */
static void give(size_t *left, size_t *part, size_t n)
{
	size_t more = n > *part ? n - *part : 0;

	if (more > *left)
		more = *left;
	*part += more;
	*left -= more;
}

/* What comes first has room first. */
static struct plan make_plan(const struct top_model *model, const struct top_view *view,
	size_t width, size_t height)
{
	const struct snapshot *snapshot = top_model_snapshot(model);
	size_t n_domains = top_model_n_domains(model), left = height;
	size_t n_flags = count_flags(snapshot, view, width), zones, detail;
	struct plan plan = { 0 };

	give(&left, &plan.title, 1);
	give(&left, &plan.flags, n_flags > 0);
	if (!snapshot) {
		give(&left, &plan.keys, view->live);
		return plan;
	}
	give(&left, &plan.columns, 1);
	give(&left, &plan.domains, n_domains > 0);
	if (left >= top_model_n_others(model))
		give(&left, &plan.others, top_model_n_others(model));
	give(&left, &plan.domains, n_domains < DOMAINS_MIN ? n_domains : DOMAINS_MIN);
	give(&left, &plan.keys, view->live);
	give(&left, &plan.flags, n_flags < FLAGS_MAX ? n_flags : FLAGS_MAX);
	detail = view->detail ? top_detail_height(model, view, width) : 0;
	zones = top_zones_height(snapshot);
	if (detail > 0 && left >= 3)
		give(&left, &plan.detail, detail);
	if (left >= 2)
		give(&left, &plan.zones, zones);
	give(&left, &plan.flags, n_flags);
	give(&left, &plan.zones_gap, plan.zones > 0);
	give(&left, &plan.detail_gap, plan.detail > 0);
	give(&left, &plan.domains, n_domains);
	return plan;
}

size_t top_render_height(
	const struct top_model *model, const struct top_view *view, size_t width)
{
	const struct snapshot *snapshot = top_model_snapshot(model);

	return 5 + count_flags(snapshot, view, width) + top_model_n_domains(model) +
	       top_model_n_others(model) + (snapshot ? top_zones_height(snapshot) : 0) +
	       (view->detail ? top_detail_height(model, view, width) : 0);
}

static void draw_title(const struct snapshot *snapshot, const struct top_view *view,
	struct top_frame *frame)
{
	size_t column = top_frame_put(frame, 0, 0, frame->width, "vmpower top  ");

	column = top_frame_put(frame, 0, column, frame->width, view->host_name);
	if (snapshot) {
		column = top_frame_printf(frame, 0, column, "  %s  tick %.3f s  ",
			view->clock, (double)snapshot->dt_ns / NSEC_PER_SEC);
		column = top_frame_put(frame, 0, column, frame->width, snapshot->source);
		column = top_frame_printf(frame, 0, column, ", %s, idle ",
			message_quality_name(snapshot->quality));
		top_frame_put(frame, 0, column, frame->width, snapshot->idle_policy);
	}
	top_frame_set_look(frame, 0, 0, frame->width, TOP_LOOK_STRONG);
}

static void draw_flags(const struct snapshot *snapshot, const struct top_view *view,
	struct top_frame *frame, size_t line, size_t n_lines)
{
	struct flags flags = { frame, frame->width, line, line + n_lines, 0 };

	list_flags(&flags, snapshot, view);
	if (flags.n > n_lines && n_lines > 0) {
		char text[32];
		size_t len = (size_t)snprintf(
			text, sizeof(text), " +%zu", flags.n - n_lines);

		if (len < frame->width)
			top_frame_put(frame, flags.end - 1, frame->width - len,
				frame->width, text);
	}
}

static void draw_keys(const struct top_model *model, const struct top_view *view,
	struct top_frame *frame)
{
	size_t line = frame->height - 1, n = top_model_n_domains(model), column;

	column = top_frame_printf(frame, line, 0,
		"q quit  ? keys  by %s%s  joules since %s  Enter: domain",
		top_sort_name(view->sort), view->reverse ? ", reversed" : "",
		view->since == TOP_SINCE_BOOT ? "boot" : "top began");
	if (n > view->n_shown && view->n_shown > 0)
		top_frame_printf(frame, line, column, "  %zu-%zu of %zu", view->first + 1,
			view->first + view->n_shown, n);
	top_frame_set_look(frame, line, 0, frame->width, TOP_LOOK_BAR);
}

static size_t draw_help(struct top_frame *frame)
{
	static const char *const lines[] = {
		"vmpower top: keys",
		"",
		"Up Down PgUp PgDn Home End   select a domain",
		"Enter, Space                 its zones, vCPUs and guest; Esc: close",
		"n v c d i w j g              sort by name, vCPUs, CPU, dynamic and idle",
		"                             watts, watts, joules, guest; again: reversed",
		"< >                          sort by the column before or after",
		"r                            reverse the order",
		"e                            joules since the boot, or since top began",
		"Ctrl-L                       draw the screen anew",
		"q                            quit",
		"",
		"CPU %: of one hardware thread.  SHARE: of the energy of all zones.",
		"History: watts, each row by its own highest; the newest is at the right.",
	};
	size_t n = sizeof(lines) / sizeof(lines[0]);

	for (size_t i = 0; i < n; i++)
		top_frame_put(frame, i, 0, frame->width, lines[i]);
	top_frame_set_look(frame, 0, 0, frame->width, TOP_LOOK_BAR);
	return n;
}

size_t top_render(
	const struct top_model *model, struct top_view *view, struct top_frame *frame)
{
	const struct snapshot *snapshot = top_model_snapshot(model);
	struct plan plan = make_plan(model, view, frame->width, frame->height);
	size_t line = plan.title;

	top_view_settle(view, top_model_n_domains(model), plan.domains);
	if (view->help)
		return draw_help(frame);
	if (plan.title)
		draw_title(snapshot, view, frame);
	draw_flags(snapshot, view, frame, line, plan.flags);
	line += plan.flags;
	if (plan.columns)
		top_table_draw(model, view, frame, line, plan.domains, plan.others > 0);
	line += plan.columns + plan.domains + plan.others + plan.zones_gap;
	if (plan.zones)
		top_zones_draw(snapshot, frame, line, plan.zones);
	line += plan.zones + plan.detail_gap;
	if (plan.detail)
		top_detail_draw(model, view, frame, line, plan.detail);
	line += plan.detail;
	if (plan.keys)
		draw_keys(model, view, frame);
	return plan.keys ? frame->height : line;
}
