/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Energy where nothing measures it: a package is taken to draw idle_uw always and
 * up to full_uw with all its CPUs busy, linear in between. Made up zones of made
 * up joules; every output says source=estimate. Pure: the CPUs' busy time comes
 * with the sample.
 */
#pragma once

#include "host/energy.h"

/* Range of its counters: they never wrap. */
#define ESTIMATE_RANGE_UJ ((uint64_t)INT64_MAX)

extern const struct energy_ops estimate_ops;
