/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The threads of a domain, as a tick of a trace has them. Pure. */
#pragma once

#include "host/sample.h"
#include "host/trace_scan.h"

/*
 * The array "threads": adds them to the sample, in the order of their tids, and says in
 * domain where they are. base_ns is the instant of the trace's time 0. -EBADMSG: the
 * error has been told; -ENOMEM.
 */
int trace_threads_scan(struct trace_scan *scan, uint64_t base_ns, struct sample *sample,
	struct sample_domain *domain);
