/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a trace says of idle power, in its host line or in a tick: the objects "idle_w"
 * and "idle_origin". Each sets what it names, and passes over zones that the machine
 * does not have. Errors are as in host/trace_scan.h. Pure.
 */
#pragma once

#include "host/trace_scan.h"

int trace_idle_scan_power(struct trace_scan *scan, const struct machine *machine,
	struct trace_idle idle[MACHINE_ZONES_MAX]);
/* After the powers: it says whence they are. */
int trace_idle_scan_origin(struct trace_scan *scan, const struct machine *machine,
	struct trace_idle idle[MACHINE_ZONES_MAX]);
