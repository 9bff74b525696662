/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A simulated host as a recording, for "vmpower replay", and the truth beside it.
 * Written from the description of the format alone, and by none of the code that
 * writes it in the daemon.
 *
 * Truth is one line a tick from the second on, dynamic joules of those who ran:
 *	{"t_ns":"1000000000","zones":{"package-0":{"<uuid>":12.3,"host":0.4},...}}
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "host/sample.h"
#include "tests/bench/accuracy/run.h"

struct trace {
	FILE *record, *truth;
};

/* Makes DIR/NAME-SEED.ndjson and DIR/NAME-SEED.truth.ndjson; -errno. */
int trace_open(struct trace *trace, const char *dir, const char *name, uint64_t seed,
	const struct run *run);

/* The first line: trace_open() has written it. */
void trace_write_host(struct trace *trace, const struct run *run);
void trace_write_sample(
	struct trace *trace, const struct run *run, const struct sample *sample);
void trace_write_truth(struct trace *trace, const struct run *run);

/* -EIO: not all of it was written. */
int trace_close(struct trace *trace);
