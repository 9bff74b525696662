/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The law of the simulated energy. Pure. */
#pragma once

#include <stdint.h>

#include "shared/clock.h"

/* Microjoules of a power, in microwatts, over a time, cut to a whole number. */
static inline uint64_t energy_of_uj(uint64_t power_uw, uint64_t time_ns)
{
	return (uint64_t)((unsigned __int128)power_uw * time_ns / NSEC_PER_SEC);
}

/* What a counter shows that has counted total_uj and starts again behind range_uj. */
static inline uint64_t energy_wrap_uj(uint64_t total_uj, uint64_t range_uj)
{
	return total_uj % range_uj;
}
