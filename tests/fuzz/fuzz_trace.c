/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A trace, from arbitrary bytes, on to its shares. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "host/meter.h"
#include "host/tick_json.h"
#include "host/trace_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct replay {
	struct trace_reader *reader;
	struct meter *meter;
	struct tick tick;
	struct tick_json json;
};

/* In every zone the shares add up. */
static void check(const struct tick *tick)
{
	for (size_t z = 0; z < tick->n_zones; z++) {
		const struct tick_zone *zone = &tick->zones[z];
		uint64_t sum_uj = zone->unattributed_uj + zone->host.dynamic_uj +
				  zone->host.idle_uj;

		for (size_t i = 0; i < tick->n_domains; i++)
			sum_uj += tick_share(tick, i, z)->dynamic_uj +
				  tick_share(tick, i, z)->idle_uj;
		assert(sum_uj == zone->total_uj);
	}
}

static void step(struct replay *replay)
{
	const struct machine *machine = trace_reader_machine(replay->reader);
	const struct trace_idle *idle = trace_reader_idle(replay->reader);

	for (size_t z = 0; z < machine->n_zones; z++) {
		if (idle[z].given)
			(void)meter_set_idle_power(replay->meter, machine->zones[z].name,
				IDLE_POWER_CONFIGURED, idle[z].idle_uw);
	}
	if (meter_step(replay->meter, machine, trace_reader_sample(replay->reader),
		    &replay->tick) < 0)
		return;
	meter_accept(replay->meter);
	check(&replay->tick);
	(void)tick_json_add(&replay->json, machine, &replay->tick, idle,
		trace_reader_t_ns(replay->reader));
	json_text_clear(&replay->json.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Either way, and any of the policies. */
	const struct meter_options options = {
		.idle_policy = (enum idle_policy)(size % 4),
		.weight = { WEIGHT_SMT_GAIN, WEIGHT_FREQUENCY_EXPONENT },
		.learn = size / 4 % 2 == 1,
	};
	const char *at = (const char *)data, *end = at + size;
	struct replay replay = { 0 };
	enum trace_line line;
	int r = 0;

	if (trace_reader_new(&replay.reader) < 0 ||
		meter_new(&options, &replay.meter) < 0)
		return 0;
	while (r == 0 && at != end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);

		r = trace_reader_take(replay.reader, at, len, &line);
		if (r < 0)
			assert(trace_reader_error(replay.reader)[0] != '\0');
		else if (line == TRACE_LINE_TICK)
			step(&replay);
		at = newline ? newline + 1 : end;
	}
	trace_reader_free(replay.reader);
	meter_free(replay.meter);
	tick_deinit(&replay.tick);
	tick_json_deinit(&replay.json);
	return 0;
}
