/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * RUN/since-boot: the table of host/since_boot.h from one run of the daemon to the
 * next. RUN is in memory, where writing waits for no disk, and goes with the boot.
 */
#pragma once

#include "host/ledger.h"
#include "host/since_boot.h"

/*
 * Fills an empty table from the file, and what its domains had last from the ledger.
 * -ENOENT: there is none; -ESTALE, -EBADMSG, -ENOMEM as since_boot_decode(); -errno.
 * The table is empty after an error: counters begin at 0 again.
 */
int since_boot_load(
	struct since_boot *table, const char *run_dir, const struct ledger *ledger);

/* Writes it, of mode 0600, in place of the one there is, if it is dirty. */
int since_boot_save(
	struct since_boot *table, const char *run_dir, const struct ledger *ledger);
