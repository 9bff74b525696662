/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where the zones' idle power comes from, for hostd: the configuration, else what
 * vmpower calibrate left in the state directory, else what was learned, which the
 * ledger keeps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/calibration_file.h"
#include "host/hostd_config.h"
#include "host/ledger.h"
#include "host/machine.h"
#include "host/meter.h"

struct idle_setup {
	/* All are the caller's. */
	const struct hostd_config *config;
	struct meter *meter;
	bool estimated; /* the energy is the estimate source's */
	/* The file's, as it was read last. */
	struct calibration_values calibration;
};

/* Tells a new meter all of it. -errno. */
int idle_setup_begin(struct idle_setup *setup, const struct machine *machine,
	const struct ledger *ledger);

/* As sampler_load_calibration(). */
void idle_setup_load_calibration(struct idle_setup *setup);

/* What the meter learned so far, of the machine's zones: for the ledger. */
void idle_setup_save(const struct idle_setup *setup, const struct machine *machine,
	uint64_t states[MACHINE_ZONES_MAX][LEDGER_IDLE_STATE_WORDS]);
