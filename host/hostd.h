/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-hostd: the parts together, on one event loop. */
#pragma once

#include "host/hostd_config.h"

/*
 * Runs until SIGTERM or SIGINT; then 0. Says on the log why it cannot run and
 * returns -errno.
 */
int hostd_run(const struct hostd_config *config);
