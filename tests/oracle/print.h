/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Operations and their outcomes as text, for people and for the list of differences. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "tests/oracle/operation.h"
#include "tests/oracle/side.h"

/*
 * No more than a line, its end not included. opener is what opened the slot's file,
 * which is said instead of the slot where it is not NULL.
 */
void print_operation(
	FILE *file, const struct operation *operation, const struct operation *opener);

/* Likewise. */
void print_outcome(FILE *file, const struct outcome *outcome);
