/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Idle power for the meter: configured, calibrated, learned. */
#include "host/idle_setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/log.h"

_Static_assert(
	sizeof(struct idle_power_state) <= LEDGER_IDLE_STATE_WORDS * sizeof(uint64_t),
	"what is learned fits into the ledger's place for it");

/* The zones named in the configuration. */
static int configure(struct idle_setup *setup)
{
	const struct hostd_config *config = setup->config;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->n_zones; i++)
		r = meter_set_idle_power(setup->meter, config->zones[i].name,
			IDLE_POWER_CONFIGURED, config->zones[i].idle_uw);
	return r;
}

/* An estimate is made of the idle power that the configuration says. */
static int configure_estimate(struct idle_setup *setup, const struct machine *machine)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine->n_zones; i++)
		r = meter_set_idle_power(setup->meter, machine->zones[i].name,
			IDLE_POWER_CONFIGURED, setup->config->estimate_idle_uw);
	return r;
}

/* What the calibration says now, in the place of what it said before. */
static void apply(struct idle_setup *setup, const struct calibration_values *values)
{
	const struct calibration_values *before = &setup->calibration;

	/* More zones than a machine has, or no name: they are nobody's. */
	for (size_t i = 0; i < before->n_zones; i++)
		(void)meter_set_idle_power(
			setup->meter, before->zones[i].name, IDLE_POWER_LEARNED, 0);
	for (size_t i = 0; i < values->n_zones; i++)
		(void)meter_set_idle_power(setup->meter, values->zones[i].name,
			IDLE_POWER_CALIBRATED, values->zones[i].idle_uw);
	setup->calibration = *values;
}

void idle_setup_load_calibration(struct idle_setup *setup)
{
	struct calibration_values values = { 0 };
	char path[HOSTD_CONFIG_TEXT_SIZE + sizeof(CALIBRATION_FILE)];
	int r, line = 0;

	snprintf(path, sizeof(path), "%s/%s", setup->config->state_dir, CALIBRATION_FILE);
	r = calibration_file_read(path, &values, &line);
	if (r == -EINVAL)
		log_error("%s:%d: not of a calibration; ignoring the file; run vmpower "
			  "calibrate, or remove it",
			path, line);
	else if (r < 0 && r != -ENOENT)
		log_error("Cannot read %s: %s; ignoring it", path, strerror(-r));
	if ((r < 0 && r != -ENOENT) || setup->estimated)
		return;
	apply(setup, &values);
	/* Wins, where both name a zone; it did at the start, so there is room. */
	(void)configure(setup);
	if (values.n_zones > 0)
		log_info("The idle power of %zu zones is that of %s", values.n_zones,
			path);
}

static int restore(struct idle_setup *setup, const struct ledger *ledger)
{
	size_t n_zones = ledger_header(ledger)->counts.zones;

	for (size_t i = 0; i < n_zones; i++) {
		const struct ledger_zone *zone = ledger_zone(ledger, i);
		struct idle_power_state learned;
		int r;

		memcpy(&learned, zone->idle_state, sizeof(learned));
		r = meter_restore_idle_power(setup->meter, zone->name, &learned);
		/* The ledger remembers more zones than one machine has. */
		if (r < 0 && r != -ENOSPC)
			return r;
	}
	return 0;
}

int idle_setup_begin(struct idle_setup *setup, const struct machine *machine,
	const struct ledger *ledger)
{
	int r = setup->estimated ? configure_estimate(setup, machine) : 0;

	if (r == 0)
		r = configure(setup);
	if (r < 0)
		return r;
	idle_setup_load_calibration(setup);
	return restore(setup, ledger);
}

void idle_setup_save(const struct idle_setup *setup, const struct machine *machine,
	uint64_t states[MACHINE_ZONES_MAX][LEDGER_IDLE_STATE_WORDS])
{
	for (size_t i = 0; i < machine->n_zones; i++) {
		const struct idle_power *idle = meter_get_idle_power(
			setup->meter, machine->zones[i].name);

		memset(states[i], 0, sizeof(states[i]));
		if (idle)
			memcpy(states[i], &idle->learned, sizeof(idle->learned));
	}
}
