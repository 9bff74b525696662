/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Zones, of all and of one domain. */
#include "host/top_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/top_columns.h"
#include "shared/clock.h"

#define NUMBER_SIZE 64

/* The sum: a name and four numbers, with room for " + ", " + " and " = ". */
#define NUMBER_WIDTH 13
#define NUMBER_MIN   9
#define SIGNS_WIDTH  10

/* One vCPU of many in a line: "  12:  99.8 %  CPU 1023 (1)". */
#define VCPU_WIDTH 26u

static size_t n_shared(const struct snapshot *snapshot)
{
	size_t n = 0;

	for (size_t z = 0; z < snapshot->n_zones; z++)
		n += snapshot_zone_is_shared(&snapshot->zones[z]);
	return n;
}

size_t top_zones_height(const struct snapshot *snapshot)
{
	size_t n = n_shared(snapshot);

	return n ? 1 + n : 0;
}

/* A frame's lines of zones; number 0: there is no room for the sum, only for the zone's.
 */
struct widths {
	int name, number;
};

static struct widths fit(const struct snapshot *snapshot, size_t width)
{
	struct widths widths = { (int)strlen("LAST TICK"), 0 };

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		int len = (int)strlen(snapshot->zones[z].name);

		if (snapshot_zone_is_shared(&snapshot->zones[z]) && len > widths.name)
			widths.name = len;
	}
	widths.number = ((int)width - widths.name - SIGNS_WIDTH) / 4;
	if (widths.number < NUMBER_MIN)
		widths.number = 0;
	if (widths.number > NUMBER_WIDTH)
		widths.number = NUMBER_WIDTH;
	return widths;
}

static void draw_zone_titles(struct top_frame *frame, size_t line, struct widths widths)
{
	int width = widths.number;

	if (width == 0)
		top_frame_printf(frame, line, 0, "%-*s %*s", widths.name, "LAST TICK",
			NUMBER_WIDTH, "ZONE, uJ");
	else
		top_frame_printf(frame, line, 0, "%-*s %*s + %*s + %*s = %*s",
			widths.name, "LAST TICK", width, "DOMAINS", width, "HOST", width,
			width < 12 ? "NOBODY" : "UNATTRIBUTED", width, "ZONE, uJ");
	top_frame_set_look(frame, line, 0, frame->width, TOP_LOOK_BAR);
}

static void draw_zone(const struct snapshot *snapshot, size_t z, struct top_frame *frame,
	size_t line, struct widths widths)
{
	const struct snapshot_zone *zone = &snapshot->zones[z];
	const struct snapshot_account *last = &zone->last;
	uint64_t domains_uj = last->ended.dynamic_uj + last->ended.idle_uj;
	int width = widths.number;

	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct tick_share *share = &snapshot->domains[i].zones[z].last;

		domains_uj += share->dynamic_uj + share->idle_uj;
	}
	if (width == 0)
		top_frame_printf(frame, line, 0, "%-*s %*" PRIu64, widths.name,
			zone->name, NUMBER_WIDTH, last->total_uj);
	else
		top_frame_printf(frame, line, 0,
			"%-*s %*" PRIu64 " + %*" PRIu64 " + %*" PRIu64 " = %*" PRIu64,
			widths.name, zone->name, width, domains_uj, width,
			last->host.dynamic_uj + last->host.idle_uj, width,
			last->unattributed_uj, width, last->total_uj);
}

void top_zones_draw(const struct snapshot *snapshot, struct top_frame *frame, size_t line,
	size_t n_lines)
{
	struct widths widths = fit(snapshot, frame->width);
	size_t end = line + n_lines;

	if (n_lines == 0)
		return;
	draw_zone_titles(frame, line++, widths);
	for (size_t z = 0; z < snapshot->n_zones && line < end; z++) {
		if (!snapshot_zone_is_shared(&snapshot->zones[z]))
			continue;
		draw_zone(snapshot, z, frame, line++, widths);
	}
}

static const struct snapshot_domain *selected(
	const struct top_model *model, const struct top_view *view)
{
	return view->cursor < top_model_n_domains(model)
		       ? top_model_row(model, view->cursor)->domain
		       : NULL;
}

static size_t vcpus_per_line(size_t width)
{
	return width > VCPU_WIDTH ? width / VCPU_WIDTH : 1;
}

size_t top_detail_height(
	const struct top_model *model, const struct top_view *view, size_t width)
{
	const struct snapshot_domain *domain = selected(model, view);
	size_t a_line = vcpus_per_line(width);

	if (!domain)
		return 0;
	return 3 + n_shared(top_model_snapshot(model)) +
	       (domain->n_vcpu_times + a_line - 1) / a_line;
}

static void draw_who(const struct snapshot *snapshot,
	const struct snapshot_domain *domain, struct top_frame *frame, size_t line)
{
	const struct snapshot_link *link = &domain->link;
	char uuid[UUID_TEXT_SIZE];
	uint64_t since_ns = snapshot->boottime_ns > link->since_ns
				    ? snapshot->boottime_ns - link->since_ns
				    : 0;
	size_t column = top_frame_put(frame, line, 0, frame->width, domain->name);

	uuid_format(&domain->uuid, uuid);
	top_frame_printf(
		frame, line, column, "  %s%s", uuid, domain->paused ? "  paused" : "");
	top_frame_set_look(frame, line, 0, frame->width, TOP_LOOK_BAR);
	column = top_frame_printf(frame, line + 1, 0, "guest: %s for %" PRIu64 " s",
		link_state_name(link->state), since_ns / NSEC_PER_SEC);
	if (link->error) {
		column = top_frame_put(frame, line + 1, column, frame->width, ": ");
		top_frame_put(frame, line + 1, column, frame->width, link->error);
	} else if (link->agent) {
		column = top_frame_put(frame, line + 1, column, frame->width, ", agent ");
		column = top_frame_put(
			frame, line + 1, column, frame->width, link->agent);
		top_frame_printf(
			frame, line + 1, column, ", sample %" PRIu64, link->acked_seq);
	}
}

static void draw_share(const struct top_model *model,
	const struct snapshot_domain *domain, size_t z, struct top_frame *frame,
	size_t line)
{
	const struct snapshot_zone *zone = &top_model_snapshot(model)->zones[z];
	const struct tick_share *last = &domain->zones[z].last;
	struct tick_share energy = top_model_domain_energy(model, domain, z);
	uint64_t last_uj = last->dynamic_uj + last->idle_uj;
	const struct {
		double number;
		unsigned int decimals;
		int width;
	} numbers[] = {
		{ snapshot_zone_watts(zone, last->dynamic_uj), 2, 8 },
		{ snapshot_zone_watts(zone, last->idle_uj), 2, 8 },
		{ (double)energy.dynamic_uj / 1e6, 1, 12 },
		{ (double)energy.idle_uj / 1e6, 1, 12 },
		{ zone->last.total_uj > 0
				? 100.0 * (double)last_uj / (double)zone->last.total_uj
				: 0,
			1, 7 },
	};
	size_t column = top_frame_printf(frame, line, 0, "%-14s", zone->name);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[NUMBER_SIZE];

		top_columns_number(text, sizeof(text), numbers[i].number,
			numbers[i].decimals, (size_t)numbers[i].width);
		column = top_frame_printf(
			frame, line, column, " %*s", numbers[i].width, text);
	}
}

static void draw_vcpu(const struct snapshot *snapshot, const struct snapshot_vcpu *vcpu,
	struct top_frame *frame, size_t line, size_t column)
{
	double percent = snapshot->dt_ns > 0
				 ? 100.0 * (double)vcpu->cpu_ns / (double)snapshot->dt_ns
				 : 0;

	column = top_frame_printf(frame, line, column,
		"%4" PRIu32 ": %5.1f %%  CPU %" PRIu32, vcpu->number, percent, vcpu->cpu);
	if (vcpu->package >= 0)
		top_frame_printf(frame, line, column, " (%" PRId32 ")", vcpu->package);
}

void top_detail_draw(const struct top_model *model, const struct top_view *view,
	struct top_frame *frame, size_t line, size_t n_lines)
{
	const struct snapshot *snapshot = top_model_snapshot(model);
	const struct snapshot_domain *domain = selected(model, view);
	size_t end = line + n_lines, a_line = vcpus_per_line(frame->width);

	if (!domain || n_lines < 3)
		return;
	draw_who(snapshot, domain, frame, line);
	top_frame_printf(frame, line + 2, 0, "%-14s %8s %8s %12s %12s %7s", "ZONE",
		"DYN W", "IDLE W", "DYN J", "IDLE J", "OF ZONE");
	line += 3;
	for (size_t z = 0; z < snapshot->n_zones && line < end; z++) {
		if (snapshot_zone_is_shared(&snapshot->zones[z]))
			draw_share(model, domain, z, frame, line++);
	}
	for (size_t i = 0; i < domain->n_vcpu_times && line < end; i++) {
		draw_vcpu(snapshot, &domain->vcpu_times[i], frame, line,
			i % a_line * VCPU_WIDTH);
		if (i % a_line == a_line - 1)
			line++;
	}
}
