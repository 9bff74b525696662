/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower doctor: looks, judges, says. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "host/facts.h"

/*
 * Prints what is wrong with the host, and with its domains or the one named.
 * Returns 1 if anything is an error, else 0; -ENOMEM.
 */
int doctor_run(FILE *out, const struct facts_paths *paths, const char *domain, bool json);
