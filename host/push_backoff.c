/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Exponential, with jitter. */
#include "host/push_backoff.h"

#include "shared/clock.h"

/* 2^16 s is far above every bound. */
#define DOUBLINGS_MAX 16

/* As much of it as random is of 2^32. */
static uint64_t part(uint64_t ns, uint32_t random)
{
	return (uint64_t)((unsigned __int128)ns * random >> 32);
}

uint64_t push_backoff_ns(
	unsigned int failures, uint32_t max_s, uint32_t retry_after_s, uint32_t random)
{
	unsigned int doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1
							      : DOUBLINGS_MAX;
	uint64_t full_s = UINT64_C(1) << doublings, half_ns, wait_ns, asked_ns;

	if (full_s > max_s)
		full_s = max_s;
	if (retry_after_s > PUSH_RETRY_AFTER_MAX_S)
		retry_after_s = PUSH_RETRY_AFTER_MAX_S;
	half_ns = full_s * NSEC_PER_SEC / 2;
	wait_ns = half_ns + part(half_ns, random);
	/* All that were told the same second would come back in it. */
	asked_ns = retry_after_s * (uint64_t)NSEC_PER_SEC;
	if (asked_ns > 0)
		asked_ns += part(NSEC_PER_SEC, random);
	return wait_ns > asked_ns ? wait_ns : asked_ns;
}
