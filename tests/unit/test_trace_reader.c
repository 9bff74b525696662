/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Traces to samples: what a line means, and what is said of one that means nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/trace_reader.h"

#define SECOND UINT64_C(1000000000)

#define UUID_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define UUID_B "bbbbbbbb-0000-4000-8000-00000000000b"

#define CPUS                                                                             \
	"\"cpus\":[{\"cpu\":0,\"package\":0,\"core\":0,\"node\":0},"                     \
	"{\"cpu\":1,\"package\":0,\"core\":0,\"node\":0}]"
#define ZONES                                                                            \
	"\"zones\":[{\"zone\":\"package-0\",\"package\":0,\"kind\":\"package\","         \
	"\"max_energy_range_uj\":\"262143328850\"}]"
#define HOST "{\"type\":\"host\",\"version\":1," CPUS "," ZONES "}\n"

#define HEAD(t) "{\"type\":\"tick\",\"t_ns\":\"" t "\","
#define BODY	"\"energy_uj\":{\"package-0\":\"5\"},\"cpu\":[[1,2],[3,4]]"
/* A tick with these domains, and one domain with these threads. */
#define TICK(t, domains) HEAD(t) BODY ",\"domains\":[" domains "]}\n"
#define DOMAIN(uuid, thread)                                                             \
	"{\"uuid\":\"" uuid "\",\"vcpus\":1,\"threads\":[" thread "]}"
#define THREAD "[10,-5,\"vcpu\",0,100,1]"

/* Takes all of the text; 0, or what the first line that is wrong returned. */
static int take(struct trace_reader *reader, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		enum trace_line line;
		int r = trace_reader_take(reader, text, len, &line);

		if (r < 0)
			return r;
		text += len + (text[len] == '\n');
	}
	return trace_reader_end(reader);
}

static struct trace_reader *read_all(const char *text)
{
	struct trace_reader *reader;

	assert_int_equal(trace_reader_new(&reader), 0);
	if (take(reader, text) < 0)
		fail_msg("line %zu: %s", trace_reader_line(reader),
			trace_reader_error(reader));
	return reader;
}

static void test_machine(void **state)
{
	struct trace_reader *reader = read_all(
		"{\"zones\":[{\"kind\":\"dram\",\"zone\":\"dram-1\",\"package\":1,"
		"\"max_energy_range_uj\":65712999613,\"new\":[1,{}]},"
		"{\"kind\":\"package\",\"zone\":\"package-1\",\"package\":1,"
		"\"max_power_uw\":\"200000000\"},"
		"{\"kind\":\"psys\",\"zone\":\"p\\u0073ys\"}],"
		"\"idle_w\":{\"package-1\":20.5,\"gone-1\":3},\"version\":1,"
		"\"cpus\":[{\"cpu\":3,\"package\":1,\"core\":7,\"node\":1},"
		"{\"cpu\":0,\"package\":0},{\"cpu\":2,\"package\":0,\"core\":2,"
		"\"online\":false},{\"cpu\":5,\"package\":1,\"core\":7}],"
		"\"idle_origin\":{\"package-1\":\"calibrated\"},"
		"\"node_memory_kib\":[7,8],\"boottime_ns\":\"50000000000\",\"source\":\"estimate\",\"type\":\"host\"}");
	const struct machine *machine = trace_reader_machine(reader);
	const struct trace_idle *idle = trace_reader_idle(reader);

	(void)state;
	assert_int_equal(machine->generation, 1);
	assert_int_equal(machine->n_packages, 2);
	assert_int_equal(machine->packages[0].physical_id, 0);
	assert_int_equal(machine->packages[0].die_id, -1);
	assert_int_equal(machine->packages[0].n_cpus, 1);
	assert_int_equal(machine->packages[1].n_cpus, 2);
	assert_int_equal(machine->n_cpus, 6);
	assert_true(machine->cpus[3].online);
	assert_int_equal(machine->cpus[3].package, 1);
	assert_int_equal(machine->cpus[3].core, machine->cpus[5].core);
	assert_int_equal(machine->cpus[3].node, 1);
	assert_false(machine->cpus[1].online);
	assert_false(machine->cpus[2].online);
	assert_true(machine->cpus[0].online);
	assert_int_equal(machine->n_zones, 3);
	assert_string_equal(machine->zones[0].name, "dram-1");
	assert_int_equal(machine->zones[0].kind, MACHINE_ZONE_DRAM);
	assert_int_equal(machine->zones[0].package, 1);
	assert_int_equal(machine->zones[0].max_energy_range_uj, 65712999613);
	assert_int_equal(machine->zones[1].max_power_uw, 200000000);
	assert_true(machine->zones[1].max_energy_range_uj == UINT64_MAX);
	assert_string_equal(machine->zones[2].name, "psys");
	assert_int_equal(machine->n_nodes, 2);
	assert_int_equal(machine->node_memory_kib[1], 8);
	assert_false(idle[0].given);
	assert_true(idle[1].given);
	assert_int_equal(idle[1].idle_uw, 20500000);
	assert_int_equal(idle[1].origin, IDLE_POWER_CALIBRATED);
	assert_true(trace_reader_is_estimated(reader));
	trace_reader_free(reader);
}

/* One zone for each die of socket 0, one for all of socket 1. */
static void test_dies(void **state)
{
	struct trace_reader *reader = read_all(
		"{\"type\":\"host\",\"version\":1,\"cpus\":["
		"{\"cpu\":0,\"package\":0,\"die\":0},{\"cpu\":1,\"package\":0,\"die\":1},"
		"{\"cpu\":2,\"package\":1,\"die\":0},{\"cpu\":3,\"package\":1,\"die\":1}],"
		"\"zones\":["
		"{\"zone\":\"b\",\"package\":0,\"die\":1,\"kind\":\"package\"},"
		"{\"zone\":\"a\",\"package\":0,\"die\":0,\"kind\":\"package\"},"
		"{\"zone\":\"c\",\"package\":1,\"kind\":\"package\"},"
		"{\"zone\":\"d\",\"package\":0,\"die\":1,\"kind\":\"dram\"}]}");
	const struct machine *machine = trace_reader_machine(reader);

	(void)state;
	assert_int_equal(machine->n_packages, 3);
	assert_int_equal(machine->packages[0].die_id, 0);
	assert_int_equal(machine->packages[1].die_id, 1);
	assert_int_equal(machine->packages[2].die_id, -1);
	assert_int_equal(machine->zones[0].package, 1);
	assert_int_equal(machine->zones[1].package, 0);
	assert_int_equal(machine->zones[2].package, 2);
	assert_int_equal(machine->zones[3].package, 1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(machine->cpus[i].package, i < 2 ? i : 2);
	trace_reader_free(reader);
}

/* A CPU without a core has no sibling, whatever the cores of others are called. */
static void test_cores(void **state)
{
	struct trace_reader *reader = read_all(
		"{\"type\":\"host\",\"version\":1," ZONES ",\"cpus\":["
		"{\"cpu\":0,\"package\":0},{\"cpu\":1,\"package\":0,\"core\":65535},"
		"{\"cpu\":2,\"package\":0,\"core\":0},{\"cpu\":3,\"package\":0},"
		"{\"cpu\":4,\"package\":0,\"core\":1},{\"cpu\":5,\"package\":0,\"core\":0}]}");
	const struct machine_cpu *cpus = trace_reader_machine(reader)->cpus;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (size_t k = 0; k < i; k++) {
			if (cpus[i].core == cpus[k].core)
				assert_true(k == 2 && i == 5);
		}
	}
	assert_int_equal(cpus[2].core, cpus[5].core);
	trace_reader_free(reader);
}

/* Whatever the order of members, domains and threads, and whatever else is there. */
static void test_tick(void **state)
{
	struct trace_reader *reader = read_all(HOST
		"\r\n  \n{\"type\":\"truth\",\"x\":[{\"y\":[]}]}\r\n"
		"{\"domains\":[{\"threads\":[[30,7,\"iothread\",2,500,1,\"new\",{}],"
		"[20,1000000000,\"emulator\",-1,400,0],[25,0,\"vhost\",null,50,0]],"
		"\"process_ns\":1000,\"vcpus\":2,\"name\":\"\\u00fc\",\"uuid\":\"" UUID_B
		"\",\"memory_kib\":4194304,\"rss_kib\":[1,2]},"
		"{\"uuid\":\"AAAAAAAA-0000-4000-8000-00000000000A\",\"vcpus\":1,"
		"\"threads\":[" THREAD "],\"rss_kib\":[]}],"
		"\"cpu\":[[7],[8,2400000.4,9]],\"energy_uj\":{\"package-0\":9,"
		"\"gone-0\":\"x\"},\"t_ns\":0,\"type\":\"tick\"}\r\n");
	const struct sample *sample = trace_reader_sample(reader);
	struct uuid a, b;

	(void)state;
	assert_int_equal(uuid_parse(UUID_A, &a), 0);
	assert_int_equal(uuid_parse(UUID_B, &b), 0);
	assert_int_equal(sample->n_zones, 1);
	assert_true(sample->zones[0].valid);
	assert_int_equal(sample->zones[0].energy_uj, 9);
	assert_int_equal(sample->n_cpus, 2);
	assert_int_equal(sample->cpus[0].busy_ns, 7);
	assert_int_equal(sample->cpus[0].khz, 0);
	assert_int_equal(sample->cpus[1].khz, 2400000);
	assert_int_equal(sample->n_domains, 2);
	assert_int_equal(uuid_compare(&sample->domains[0].uuid, &a), 0);
	assert_int_equal(sample->domains[0].n_threads, 1);
	assert_int_equal(sample->domains[0].pid, 10);
	assert_int_equal(sample->domains[0].exited_ns, 0);
	assert_int_equal(uuid_compare(&sample->domains[1].uuid, &b), 0);
	assert_int_equal(sample->domains[1].n_vcpus, 2);
	assert_int_equal(sample->domains[1].memory_kib, 4194304);
	/* 1000 - 500 - 400: vhost's time is not the process's. */
	assert_int_equal(sample->domains[1].exited_ns, 100);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sample->threads[sample->domains[1].first_thread + i].tid,
			20 + 5 * i);
	assert_int_equal(sample->n_nodes, 2);
	assert_int_equal(*sample_resident_kib(sample, 0, 1), 0);
	assert_int_equal(*sample_resident_kib(sample, 1, 1), 2);
	trace_reader_free(reader);
}

static void test_unreadable(void **state)
{
	struct trace_reader *reader = read_all(HOST HEAD(
		"0") "\"energy_uj\":{},"
		     "\"cpu\":[[1,2],[3,4]],\"domains\":[]}\n" HEAD(
			     "1") "\"energy_uj\":{\"package-0\":null},\"cpu\":[[1,2],[3,4]],\"domains\":[]}");

	(void)state;
	assert_false(trace_reader_sample(reader)->zones[0].valid);
	assert_int_equal(trace_reader_t_ns(reader), 1);
	trace_reader_free(reader);
}

static const struct sample_domain *only_domain(const struct trace_reader *reader)
{
	const struct sample *sample = trace_reader_sample(reader);

	assert_int_equal(sample->n_domains, 1);
	return &sample->domains[0];
}

static struct trace_reader *begin(const char *text)
{
	struct trace_reader *reader;

	assert_int_equal(trace_reader_new(&reader), 0);
	assert_int_equal(take(reader, text), 0);
	return reader;
}

/* How a thread's start relates to the instants of the ticks. */
static void test_start(void **state)
{
	struct trace_reader *reader = begin(
		HOST TICK("0", DOMAIN(UUID_A, "[10,-2000000000,\"vcpu\",0,1,1]")));
	const struct sample *sample = trace_reader_sample(reader);
	uint64_t first_ns = sample->boottime_ns;

	(void)state;
	assert_true(first_ns > 1000 * SECOND);
	assert_true(sample->threads[0].start_ticks * SAMPLE_START_TICK_NS ==
		    first_ns - 2 * SECOND);
	assert_int_equal(
		take(reader, TICK("1000000000",
				     DOMAIN(UUID_A, "[11,500000000,\"vcpu\",0,1,1]"))),
		0);
	sample = trace_reader_sample(reader);
	assert_true(sample->boottime_ns == first_ns + SECOND);
	assert_true(sample->threads[0].start_ticks * SAMPLE_START_TICK_NS ==
		    first_ns + SECOND / 2);
	/* As far off as numbers go. */
	assert_int_equal(
		take(reader, TICK("4000000000000000000",
				     DOMAIN(UUID_A,
					     "[1,-9223372036854775807,\"vcpu\",0,1,1],"
					     "[2,9223372036854775807,\"vcpu\",1,1,1]"))),
		0);
	sample = trace_reader_sample(reader);
	assert_int_equal(sample->threads[0].start_ticks, 0);
	assert_true(sample->threads[1].start_ticks * SAMPLE_START_TICK_NS >
		    sample->boottime_ns);
	trace_reader_free(reader);
}

/* A host line that tells the instant of the first tick: starts are exact then. */
static void test_boottime(void **state)
{
	struct trace_reader *reader = begin(
		"{\"type\":\"host\",\"version\":1,\"boottime_ns\":\"5003000000\"," CPUS
		"," ZONES
		"}\n" HEAD("0") "\"monotonic_ns\":\"0\"," BODY ",\"domains\":[" DOMAIN(
			UUID_A, "[10,-3000000,\"vcpu\",0,1,1]") "]}");

	(void)state;
	assert_int_equal(trace_reader_sample(reader)->boottime_ns, 5003000000);
	assert_int_equal(trace_reader_sample(reader)->threads[0].start_ticks, 500);
	trace_reader_free(reader);
}

/* Without a pid: one QEMU while any thread stays, another when none does. */
static void test_incarnations(void **state)
{
	static const struct {
		const char *tick;
		bool same;
		uint64_t exited_ns;
	} steps[] = {
		{ TICK("1",
			  DOMAIN(UUID_A, "[12,5,\"vcpu\",0,1,1],[11,0,\"vhost\",0,1,1]")),
			true, 0 },
		{ TICK("2", DOMAIN(UUID_A, "[12,5,\"vcpu\",0,2,1]")), true, 0 },
		{ TICK("3", DOMAIN(UUID_A, "")), true, 0 },
		{ TICK("4", "{\"uuid\":\"" UUID_A "\",\"vcpus\":1,\"process_ns\":9,"
			    "\"threads\":[[13,5,\"vcpu\",0,2,1]]}"),
			true, 7 },
		/* The process's clock lags behind. */
		{ TICK("5", "{\"uuid\":\"" UUID_A "\",\"vcpus\":1,\"process_ns\":9,"
			    "\"threads\":[[13,5,\"vcpu\",0,9,1]]}"),
			true, 7 },
		/* The same tid again, started since. */
		{ TICK("6", DOMAIN(UUID_A, "[13,10000000,\"vcpu\",0,2,1]")), false, 0 },
		{ TICK("7", DOMAIN(UUID_A, "[14,20000000,\"vcpu\",0,2,1]")), false, 0 },
	};
	struct trace_reader *reader = begin(
		HOST TICK("0", DOMAIN(UUID_A, "[11,0,\"vhost\",0,1,1],"
					      "[10,-99,\"emulator\",0,1,1]")));

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct sample_domain before = *only_domain(reader);
		const struct sample_domain *now;

		assert_int_equal(take(reader, steps[i].tick), 0);
		now = only_domain(reader);
		assert_int_equal(
			now->pid == before.pid && now->start_ticks == before.start_ticks,
			steps[i].same);
		assert_int_equal(now->exited_ns, steps[i].exited_ns);
	}
	trace_reader_free(reader);
}

#define WITH_PID(t, pid, start, threads)                                                 \
	TICK(t, "{\"uuid\":\"" UUID_A "\",\"vcpus\":1,\"pid\":" pid                      \
		",\"start_ns\":" start ",\"process_ns\":50,\"threads\":[" threads "]}")

/* With a pid and its start, these tell. */
static void test_pid(void **state)
{
	struct trace_reader *reader = begin(
		HOST WITH_PID("0", "9", "70000000", "[8,0,\"vcpu\",0,10,1]"));
	struct sample_domain first = *only_domain(reader);

	(void)state;
	assert_int_equal(first.pid, 9);
	assert_int_equal(first.start_ticks % 100, 7);
	assert_int_equal(first.exited_ns, 40);
	assert_int_equal(
		take(reader, WITH_PID("1", "9", "70000000", "[18,0,\"vcpu\",0,20,1]")),
		0);
	assert_int_equal(only_domain(reader)->start_ticks, first.start_ticks);
	assert_int_equal(only_domain(reader)->exited_ns, 40);
	/* The pid again, the process is another. */
	assert_int_equal(
		take(reader, WITH_PID("2", "9", "90000000", "[18,0,\"vcpu\",0,20,1]")),
		0);
	assert_int_equal(only_domain(reader)->start_ticks, first.start_ticks + 2);
	assert_int_equal(only_domain(reader)->exited_ns, 30);
	trace_reader_free(reader);
}

/* The ticks after a host line are of its machine, and time goes on. */
static void test_new_machine(void **state)
{
	struct trace_reader *reader = begin(HOST TICK("0", ""));
	uint64_t first_ns = trace_reader_sample(reader)->boottime_ns;

	(void)state;
	assert_int_equal(
		take(reader,
			"{\"type\":\"host\",\"version\":1,\"boottime_ns\":\"77\",\"cpus\":"
			"[{\"cpu\":0,\"package\":3}],\"zones\":[]}\n" HEAD(
				"5") "\"energy_uj\":{\"package-0\":1},\"cpu\":[[5,0]],\"domains\":[],"
				     "\"idle_w\":{\"package-0\":1}}"),
		0);
	assert_int_equal(trace_reader_machine(reader)->generation, 2);
	assert_int_equal(trace_reader_sample(reader)->n_zones, 0);
	assert_true(trace_reader_sample(reader)->boottime_ns == first_ns + 5);
	trace_reader_free(reader);
}

static void test_idle_in_tick(void **state)
{
	struct trace_reader *reader = begin(HOST TICK("0", "")
			HEAD("1") "\"idle_origin\":{\"package-0\":\"learned\"},"
				  "\"idle_w\":{\"package-0\":20.000001}," BODY
				  ",\"domains\":[]}\n" TICK("2", ""));

	(void)state;
	assert_true(trace_reader_idle(reader)[0].given);
	assert_int_equal(trace_reader_idle(reader)[0].idle_uw, 20000001);
	assert_int_equal(trace_reader_idle(reader)[0].origin, IDLE_POWER_LEARNED);
	trace_reader_free(reader);
}

static const struct bad {
	const char *text;
	size_t line;
	const char *error;
} bad[] = {
	{ "", 1, "the trace ends without a line of type host" },
	{ "\n\n", 3, "the trace ends without a line of type host" },
	{ TICK("0", ""), 1, "a tick before any line of type host" },
	{ HOST "x\n", 2, "expected an object at byte 1" },
	{ HOST "{\"a\":1}\n", 2, "\"type\" is missing" },
	/* What is wrong with a name is said as of any other string. */
	{ HOST "{1:2}\n", 2, "expected a member's name at byte 2" },
	{ HOST "{\"typ", 2, "the line ends where '\"' should be" },
	{ HOST "{\"t\\x\":1}", 2, "expected one of \"\\/bfnrtu at byte 5" },
	{ HOST "{\"type\":1}\n", 2, "expected a string at byte 9" },
	{ HOST "{\"type\":\"x\"} x\n", 2, "expected the end of the line at byte 14" },
	{ HOST "{\"type\":\"x\"", 2, "the line ends where ',' or '}' should be" },
	{ "{\"type\":\"host\"," CPUS "," ZONES "}", 1, "\"version\" is missing" },
	{ "{\"type\":\"host\",\"cpus\":7,\"version\":2}", 1,
		"version 2 is not known here, only version 1" },
	{ "{\"type\":\"host\",\"version\":1," CPUS "}", 1, "\"zones\" is missing" },
	{ "{\"type\":\"host\",\"version\":1," ZONES "}", 1, "\"cpus\" is missing" },
	{ "{\"type\":\"host\",\"version\":1,\"cpus\":[]," ZONES "}", 1,
		"\"cpus\" is empty" },
	{ "{\"type\":\"host\",\"version\":1," CPUS "," CPUS "," ZONES "}", 1,
		"\"cpus\" is there twice" },
	{ "{\"type\":\"host\",\"version\":1," ZONES
	  ",\"cpus\":[{\"cpu\":5,\"package\":0},{\"cpu\":5,\"package\":0}]}",
		1, "CPU 5 is there twice" },
	{ "{\"type\":\"host\",\"version\":1," ZONES ",\"cpus\":[{\"cpu\":5}]}", 1,
		"a CPU without \"package\"" },
	{ "{\"type\":\"host\",\"version\":1," ZONES ",\"cpus\":[{\"package\":5}]}", 1,
		"a CPU without \"cpu\"" },
	{ "{\"type\":\"host\",\"version\":1," ZONES
	  ",\"cpus\":[{\"cpu\":8192,\"package\":0}]}",
		1, "\"cpu\" is 8192, it can be 8191" },
	{ "{\"type\":\"host\",\"version\":1," ZONES
	  ",\"cpus\":[{\"cpu\":0,\"package\":0,\"online\":1}]}",
		1, "\"online\" is neither true nor false" },
	{ "{\"type\":\"host\",\"version\":1," CPUS
	  ",\"zones\":[{\"zone\":\"a\",\"kind\":\"gpu\",\"package\":0}]}",
		1, "kind \"gpu\" of a zone is not package, dram, core, uncore or psys" },
	{ "{\"type\":\"host\",\"version\":1," CPUS ",\"zones\":[{\"kind\":\"dram\"}]}", 1,
		"a zone without \"zone\", its name" },
	{ "{\"type\":\"host\",\"version\":1," CPUS ",\"zones\":[{\"zone\":\"a\"}]}", 1,
		"zone a: \"kind\" is missing" },
	{ "{\"type\":\"host\",\"version\":1," CPUS
	  ",\"zones\":[{\"zone\":\"a\",\"kind\":\"dram\"}]}",
		1, "zone a: \"package\" is missing" },
	{ "{\"type\":\"host\",\"version\":1," CPUS
	  ",\"zones\":[{\"zone\":\"a\",\"kind\":\"psys\"},"
	  "{\"zone\":\"a\",\"kind\":\"psys\"}]}",
		1, "zone a is there twice" },
	{ "{\"type\":\"host\",\"version\":1," CPUS
	  ",\"zones\":[{\"zone\":\"0123456789012345678901234567890123\"}]}",
		1, "\"zone\" is not a name of 1 to 31 bytes" },
	{ "{\"type\":\"host\",\"version\":1," CPUS "," ZONES
	  ",\"idle_w\":{\"package-0\":-1}}",
		1, "expected a number of 0 or more at byte 236" },
	{ "{\"type\":\"host\",\"version\":1," CPUS "," ZONES
	  ",\"idle_w\":{\"package-0\":100001}}",
		1, "\"idle_w\" of a zone is over 100000" },
	{ "{\"type\":\"host\",\"version\":1," CPUS "," ZONES
	  ",\"idle_origin\":{\"package-0\":\"guessed\"}}",
		1, "\"idle_origin\" of a zone is not configured, calibrated or learned" },
	{ HOST TICK("5", "") TICK("5", ""), 3,
		"\"t_ns\" is 5, and in the tick before it was 5" },
	{ HOST TICK("5", "") TICK("4", ""), 3,
		"\"t_ns\" is 4, and in the tick before it was 5" },
	{ HOST HEAD("-1") BODY ",\"domains\":[]}", 2,
		"expected a number of 0 or more at byte 24" },
	{ HOST HEAD("5000000000000000000") BODY ",\"domains\":[]}", 2,
		"\"t_ns\" is 5000000000000000000, it can be 4611686018427387903" },
	{ HOST HEAD("0") BODY "}", 2, "\"domains\" is missing" },
	{ HOST "{\"type\":\"tick\"," BODY ",\"domains\":[]}", 2, "\"t_ns\" is missing" },
	{ HOST HEAD("0") "\"energy_uj\":{},\"domains\":[]}", 2, "\"cpu\" is missing" },
	{ HOST HEAD("0") "\"cpu\":[[1,2],[3,4]],\"domains\":[]}", 2,
		"\"energy_uj\" is missing" },
	{ HOST HEAD("0") BODY "," BODY ",\"domains\":[]}", 2,
		"\"energy_uj\" is there twice" },
	{ HOST HEAD("0") "\"energy_uj\":{\"package-0\":-1}}", 2,
		"expected a number of 0 or more at byte 52" },
	{ HOST HEAD("0") "\"energy_uj\":{\"package-0\":\"18446744073709551616\"}}", 2,
		"expected a number below 2^64 at byte 53" },
	{ HOST HEAD("0") "\"energy_uj\":{},\"cpu\":[[1,2]],\"domains\":[]}", 2,
		"\"cpu\" has 1 entries, the host line has 2" },
	{ HOST HEAD("0") "\"energy_uj\":{},\"cpu\":[[1,2],[1,2],[1]],\"domains\":[]}", 2,
		"\"cpu\" has 3 entries, the host line has 2" },
	{ HOST HEAD("0") "\"energy_uj\":{},\"cpu\":[[],[]],\"domains\":[]}", 2,
		"\"cpu\" has an empty entry" },
	{ HOST HEAD("0") "\"energy_uj\":{},\"cpu\":[[1,5000000000]]}", 2,
		"\"khz\" is over 4294967295" },
	{ HOST TICK("0", "{\"uuid\":\"vm1\"}"), 2, "\"vm1\" is no UUID" },
	{ HOST TICK("0", "{\"uuid\":\"" UUID_A "0\"}"), 2, "\"" UUID_A "0\" is no UUID" },
	{ HOST TICK("0", DOMAIN(UUID_A, "") "," DOMAIN(UUID_A, "")), 2,
		"domain " UUID_A " is there twice" },
	{ HOST TICK("0", "{\"uuid\":\"" UUID_A "\",\"vcpus\":1}"), 2,
		"a domain without \"threads\"" },
	{ HOST TICK("0", "{\"uuid\":\"" UUID_A "\",\"threads\":[]}"), 2,
		"a domain without \"vcpus\"" },
	{ HOST TICK("0", "{\"vcpus\":1,\"threads\":[]}"), 2,
		"a domain without \"uuid\"" },
	{ HOST TICK("0", DOMAIN(UUID_A, THREAD "," THREAD)), 2,
		"a domain has two threads with tid 10" },
	{ HOST TICK("0", DOMAIN(UUID_A, "[1,2,\"vcpu\",0,1]")), 2,
		"a thread of 5 elements; it must be "
		"[tid, start_ns, kind, index, cpu_ns, last_cpu]" },
	{ HOST TICK("0", DOMAIN(UUID_A, "[1,2,\"gpu\",0,1,1]")), 2,
		"kind \"gpu\" of a thread is not vcpu, emulator, iothread or vhost" },
	{ HOST TICK("0", DOMAIN(UUID_A, "[1,2,\"vcpu\",-1,1,1]")), 2,
		"expected a number of 0 or more at byte 168" },
	{ HOST TICK("0", DOMAIN(UUID_A, "[1,2,\"vcpu\",0,1,65536]")), 2,
		"\"last_cpu\" is 65536, it can be 65535" },
	{ HOST TICK("0", DOMAIN(UUID_A, "[2147483648,2,\"vcpu\",0,1,1]")), 2,
		"\"tid\" is 2147483648, it can be 2147483647" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct trace_reader *reader;

		assert_int_equal(trace_reader_new(&reader), 0);
		assert_int_equal(take(reader, bad[i].text), -EBADMSG);
		assert_string_equal(trace_reader_error(reader), bad[i].error);
		assert_int_equal(trace_reader_line(reader), bad[i].line);
		trace_reader_free(reader);
	}
}

/* Cut off at any byte, a trace is good only where a line ends. */
static void test_cut(void **state)
{
	static const char text[] = HOST TICK("0", DOMAIN(UUID_A, THREAD));
	char cut[sizeof(text)];

	(void)state;
	for (size_t len = 1; len < sizeof(text); len++) {
		bool whole = len >= sizeof(text) - 2 || len == strlen(HOST) ||
			     len == strlen(HOST) - 1;
		struct trace_reader *reader;

		memcpy(cut, text, len);
		cut[len] = '\0';
		assert_int_equal(trace_reader_new(&reader), 0);
		assert_int_equal(take(reader, cut), whole ? 0 : -EBADMSG);
		if (!whole)
			assert_non_null(strstr(
				trace_reader_error(reader), "the line ends where"));
		trace_reader_free(reader);
	}
}

static void put_numbers(FILE *line, size_t n, size_t last)
{
	for (size_t i = 0; i < n; i++)
		fprintf(line, "%s%zu", i > 0 ? "," : "", i + 1 < n ? (size_t)0 : last);
}

/* One domain has memory on many nodes: that is no reason for all to have so many. */
static void test_many_nodes(void **state)
{
	static const size_t cases[][2] = { { 1, 1 }, { 64, 64 }, { 65, 65 }, { 66, 65 },
		{ 1024, 65 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = cases[i][0], n_nodes = cases[i][1], size;
		const struct sample *sample;
		struct trace_reader *reader;
		char *text = NULL;
		FILE *line = open_memstream(&text, &size);

		assert_non_null(line);
		fputs(HOST HEAD("0") BODY
			",\"domains\":[{\"uuid\":\"" UUID_B
			"\",\"vcpus\":1,\"threads\":[]},{\"uuid\":\"" UUID_A
			"\",\"vcpus\":1,\"threads\":[],\"rss_kib\":[",
			line);
		put_numbers(line, n, 7);
		fputs("]}]}", line);
		fclose(line);
		reader = read_all(text);
		sample = trace_reader_sample(reader);
		assert_int_equal(sample->n_nodes, n_nodes);
		assert_int_equal(*sample_resident_kib(sample, 0, n_nodes - 1), 7);
		assert_int_equal(*sample_resident_kib(sample, 1, n_nodes - 1), 0);
		trace_reader_free(reader);
		free(text);
	}
}

static void test_many_zones(void **state)
{
	struct trace_reader *reader;
	char text[8192];
	size_t n = 0;

	(void)state;
	n += (size_t)sprintf(
		text + n, "{\"type\":\"host\",\"version\":1," CPUS ",\"zones\":[");
	for (int i = 0; i <= MACHINE_ZONES_MAX; i++)
		n += (size_t)sprintf(text + n, "%s{\"zone\":\"z%d\",\"kind\":\"psys\"}",
			i ? "," : "", i);
	sprintf(text + n, "]}");
	assert_int_equal(trace_reader_new(&reader), 0);
	assert_int_equal(take(reader, text), -EBADMSG);
	assert_string_equal(trace_reader_error(reader), "more than 64 zones");
	trace_reader_free(reader);
}

static void test_many_packages(void **state)
{
	struct trace_reader *reader;
	char text[8192];
	size_t n = 0;

	(void)state;
	n += (size_t)sprintf(
		text + n, "{\"type\":\"host\",\"version\":1," ZONES ",\"cpus\":[");
	for (int i = 0; i <= MACHINE_PACKAGES_MAX; i++)
		n += (size_t)sprintf(text + n, "%s{\"cpu\":%d,\"package\":%d}",
			i ? "," : "", i, 1000 - i);
	sprintf(text + n, "]}");
	assert_int_equal(trace_reader_new(&reader), 0);
	assert_int_equal(take(reader, text), -EBADMSG);
	assert_string_equal(trace_reader_error(reader), "more than 32 packages");
	trace_reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_cores),
		cmocka_unit_test(test_tick),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_boottime),
		cmocka_unit_test(test_incarnations),
		cmocka_unit_test(test_pid),
		cmocka_unit_test(test_new_machine),
		cmocka_unit_test(test_idle_in_tick),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_many_nodes),
		cmocka_unit_test(test_many_zones),
		cmocka_unit_test(test_many_packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
