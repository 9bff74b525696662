/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick as one line of JSON, what vmpower replay prints (host/TRACE.md). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/json_text.h"
#include "host/machine.h"
#include "host/tick.h"
#include "host/trace.h"

/* Reused from tick to tick; a zeroed one is empty. */
struct tick_json {
	struct json_text text;
	size_t keys_size;
	struct tick_json_key *keys; /* the domains, as members' names */
};

/*
 * Adds the line to json->text, newline included; t_ns is its end in the trace, idle
 * what the trace told of each zone's idle power. -ENOMEM.
 */
int tick_json_add(struct tick_json *json, const struct machine *machine,
	const struct tick *tick, const struct trace_idle *idle, uint64_t t_ns);

/* Frees what it holds, not the struct itself. */
void tick_json_deinit(struct tick_json *json);
