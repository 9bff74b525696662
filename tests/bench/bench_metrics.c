/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a scrape of 1,000 domains and 3 zones costs the daemon: writing the metrics, once
 * a tick, and the counters since the boot in each tick; beside copying the same bytes, in
 * the same run and in turns. CPU time of this thread. Instructions tells
 *
 *	valgrind --tool=callgrind --toggle-collect=metrics_write tests/bench/bench_metrics
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/metrics.h"
#include "host/metrics_text.h"
#include "host/push_format.h"
#include "host/since_boot.h"
#include "shared/clock.h"

#define RUNS	100
#define DOMAINS 1000
#define ZONES	3

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct snapshot *make(uint64_t tick)
{
	static const char *const zones[ZONES] = { "package-0", "package-1", "dram-0" };
	struct snapshot *snapshot = snapshot_new(ZONES, DOMAINS);

	assert(snapshot);
	snapshot->source = "powercap";
	snapshot->number = tick;
	for (size_t z = 0; z < ZONES; z++) {
		strcpy(snapshot->zones[z].name, zones[z]);
		snapshot->zones[z].kind = z < 2 ? MACHINE_ZONE_PACKAGE
						: MACHINE_ZONE_DRAM;
	}
	for (size_t i = 0; i < DOMAINS; i++) {
		struct snapshot_domain *domain = &snapshot->domains[i];
		char name[32];

		domain->uuid.bytes[0] = (uint8_t)(i >> 8);
		domain->uuid.bytes[1] = (uint8_t)i;
		snprintf(name, sizeof(name), "instance-%08zx", i);
		domain->name = snapshot_copy_text(snapshot, name);
		for (size_t z = 0; z < ZONES; z++) {
			domain->zones[z].sum.dynamic_uj = tick * (i + 12345678);
			domain->zones[z].sum.idle_uj = tick * 7654321;
			snapshot->zones[z].sum.total_uj += tick *
							   (i + 12345678 + 7654321);
		}
	}
	return snapshot;
}

static uint64_t now_ns(void)
{
	return clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static double median_us(uint64_t *ns)
{
	qsort(ns, RUNS, sizeof(*ns), compare_u64);
	return (double)ns[RUNS / 2] / 1e3;
}

/* A tick in a format that is pushed, made and finished alone. */
static void push_one(const char *name)
{
	const struct push_format *format = push_format_find(name);
	static uint64_t push_ns[RUNS];
	struct push_options options = { .host = "hv1", .labels = "instance=hv1\n" };
	struct snapshot *before = NULL;
	size_t size = 0;

	for (unsigned int i = 0; i < RUNS; i++) {
		struct snapshot *snapshot = make(i + 1);
		struct json_text body = { 0 };
		uint64_t begin_ns = now_ns();
		int r;

		options.before = before;
		r = format->add(&options, snapshot, &body);
		if (r == 0 && format->finish)
			r = format->finish(&body);
		push_ns[i] = now_ns() - begin_ns;
		assert(r == 0);
		size = body.used;
		json_text_deinit(&body);
		snapshot_unref(before);
		before = snapshot;
	}
	snapshot_unref(before);
	printf("pushed as %s: %zu bytes in %.0f us\n", name, size, median_us(push_ns));
}

int main(void)
{
	static uint64_t apply_ns[RUNS], write_ns[RUNS], copy_ns[RUNS];
	const struct metrics_options options = { .node_name = "hv1" };
	struct since_boot table = { .retention_ns = 1 };
	size_t size = 0;
	double write_us;

	for (unsigned int i = 0; i < RUNS; i++) {
		struct snapshot *snapshot = make(i + 1);
		struct metrics_text text;
		uint64_t begin_ns = now_ns();
		char *copy;

		assert(since_boot_apply(&table, snapshot) == 0);
		apply_ns[i] = now_ns() - begin_ns;
		begin_ns = now_ns();
		metrics_text_init(&text, false, (struct json_text){ 0 });
		metrics_write(snapshot, &options, &text.sink);
		metrics_text_end(&text);
		write_ns[i] = now_ns() - begin_ns;
		assert(json_text_error(&text.out) == 0);
		size = text.out.used;
		begin_ns = now_ns();
		copy = malloc(size);
		assert(copy);
		memcpy(copy, text.out.data, size);
		/* Somebody may look at it. */
		__asm__ volatile("" : : "r"(copy) : "memory");
		copy_ns[i] = now_ns() - begin_ns;
		free(copy);
		json_text_deinit(&text.out);
		snapshot_unref(snapshot);
	}
	since_boot_deinit(&table);
	write_us = median_us(write_ns);
	printf("metrics, %d domains, %d zones: %zu bytes in %.0f us, %.1f x copying them; "
	       "counters since the boot: %.0f us a tick\n",
		DOMAINS, ZONES, size, write_us, write_us / median_us(copy_ns),
		median_us(apply_ns));
	push_one("remote-write");
	push_one("influx");
	push_one("ndjson");
	/* The bound of a scrape's CPU time. */
	return write_us < 20000 ? EXIT_SUCCESS : EXIT_FAILURE;
}
