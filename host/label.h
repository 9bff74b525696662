/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower label: shows whose a domain is, and writes it into libvirt's metadata of the
 * persistent definition and of the running domain.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Over a connection to connect, for the domain of that name or UUID: makes the changes,
 * each "KEY=VALUE" or "KEY=", which removes it, and prints the labels it has then. It is
 * opened read-write only if there are any. Returns 0, 1, or EXIT_USAGE: one is no change,
 * and none was made.
 */
int label_run(FILE *out, const char *connect, const char *domain, char *const *changes,
	size_t n_changes, bool json);
