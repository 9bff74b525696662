/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Commands for sh(1), run as root, that put right what vmpower doctor found on
 * this host. With a service manager they use it; without, they do by hand what was
 * done by hand. The caller frees them. NULL: no memory. Pure.
 */
#pragma once

#include "host/facts.h"

char *cure_start_hostd(const struct facts *facts);
char *cure_restart_hostd(const struct facts *facts);
char *cure_start_libvirt(const struct facts *facts);
char *cure_restart_libvirt(const struct facts *facts);

/* Sets source = NAME in hostd's configuration file and restarts it. */
char *cure_set_source(const struct facts *facts, const char *source);

/* Lets everybody talk to libvirt read-only, as libvirt does by default. */
char *cure_open_libvirt(const struct facts *facts);

/* vmpower calibrate --undo; there is a snapshot. */
char *cure_undo_calibration(const struct facts *facts);

/* vmpower enroll DOMAIN, and where a_restart is due, the domain's stop and start. */
char *cure_enroll(const struct facts *facts, const char *domain, bool a_restart);
