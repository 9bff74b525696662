/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Weight of a thread's run. */
#include "host/weight.h"

uint64_t weight_of(const struct weight_input *input)
{
	if (input->cpu_ns > UINT64_MAX >> WEIGHT_FRACTION_BITS)
		return UINT64_MAX;
	return input->cpu_ns << WEIGHT_FRACTION_BITS;
}
