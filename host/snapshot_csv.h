/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A snapshot as rows of CSV: in each zone one for each domain and kind of energy, for the
 * domains that ended, for the host and for nobody (named as in host/export_row.h), and
 * one for the zone, which is their sum: exactly, in microjoules, since the ledger began,
 * since the host booted and in the last tick. Pure.
 */
#pragma once

#include "host/json_text.h"
#include "host/snapshot.h"

/* In place of a domain's UUID: all of the zone. Its kind is "total". */
#define SNAPSHOT_CSV_ZONE "zone"

/* The header. */
#define SNAPSHOT_CSV_HEAD                                                                \
	"tick,time_ns,uuid,name,zone,kind,energy_uj,since_boot_uj,last_tick_uj,"         \
	"last_tick_ns,source,quality\r\n"

/* Adds the rows of one tick behind what is in *text. Errors are the text's. */
void snapshot_csv_add(const struct snapshot *snapshot, struct json_text *text);
