/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower list: a snapshot as a table for people. Pure. */
#pragma once

#include <stdio.h>

#include "host/snapshot.h"

/*
 * Domains, what else used energy, and for each zone the sum that shows that
 * nothing is missing. Names are printed as host/text.h says.
 */
void list_print(FILE *out, const struct snapshot *snapshot);
