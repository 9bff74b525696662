/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower enroll --watch: gives each running domain of a selection its channel, and each
 * that starts or arrives by migration later, until SIGTERM or SIGINT. Persistent
 * definitions are left alone: whoever writes them (OpenStack's nova does at each hard
 * reboot) need not know of it.
 */
#pragma once

#include <stdio.h>

#include "host/selection.h"

/*
 * Over a read-write connection to connect, which is opened again when it ends; says on
 * out what it does. Returns 0 when it was told to end, 1 if it cannot go on.
 */
int enroll_watch_run(FILE *out, const char *connect, const struct selection *selection);
