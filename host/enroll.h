/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower enroll: gives a domain its channel, or takes it away. It changes nothing
 * else; libvirt itself adds a virtio-serial controller to a persistent definition
 * that has none, and leaves it there.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Over a read-write connection to connect, for the domain of that name or UUID;
 * says what it did on out, and what went wrong on stderr. Returns 0 or 1.
 */
int enroll_run(FILE *out, const char *connect, const char *domain, bool undo_it);
