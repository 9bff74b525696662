/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Which QEMU a domain of a trace is: its pid and start_ticks, where the trace does not
 * tell them, and the time of its ended threads. Pure.
 */
#pragma once

#include <stdbool.h>

#include "host/sample.h"

/*
 * domain's threads are in sample; other is the domain in before, the sample of the tick
 * before, or NULL. told: pid and start_ticks are the trace's, and stay. Else they, and
 * exited_ns in any case, are those of before while a thread of it is still there.
 */
void trace_incarnation_find(const struct sample *sample, struct sample_domain *domain,
	bool told, const struct sample *before, const struct sample_domain *other);

/*
 * Raises exited_ns to what the threads do not account for of process_ns, the time of
 * all there ever were but vhost's.
 */
void trace_incarnation_count(
	const struct sample *sample, struct sample_domain *domain, uint64_t process_ns);
