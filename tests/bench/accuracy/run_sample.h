/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What the kernel of a simulated host shows: counters, as coarse as its. Pure. */
#pragma once

#include "host/sample.h"

/* The host booted so long before the first sample. */
#define RUN_BOOTTIME_NS UINT64_C(3600000000000)

struct run;

/* -ENOMEM. */
int run_fill_sample(struct run *run, struct sample *sample);
