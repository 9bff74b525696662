/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What vmpower-hostd is told by its flags and by hostd.conf. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/credentials.h"
#include "host/idle_policy.h"
#include "host/inventory.h"
#include "host/listen_address.h"
#include "host/machine.h"
#include "host/meter.h"
#include "host/push_config.h"
#include "host/weight.h"
#include "shared/options.h"

#define HOSTD_CONFIG_TEXT_SIZE 256

enum hostd_source {
	HOSTD_SOURCE_AUTO,
	HOSTD_SOURCE_POWERCAP,
	HOSTD_SOURCE_ESTIMATE,
};

/* [zone "package-0"] */
struct hostd_zone_config {
	char name[MACHINE_ZONE_NAME_SIZE];
	uint64_t idle_uw;
};

/* [domain "UUID|name"] */
struct hostd_domain_config {
	char domain[64];
	uint32_t period_ms;
};

struct hostd_config {
	char connect_uri[HOSTD_CONFIG_TEXT_SIZE];
	char sysfs[HOSTD_CONFIG_TEXT_SIZE];
	char procfs[HOSTD_CONFIG_TEXT_SIZE];
	char libvirt_run_dir[HOSTD_CONFIG_TEXT_SIZE];
	char state_dir[HOSTD_CONFIG_TEXT_SIZE];
	char run_dir[HOSTD_CONFIG_TEXT_SIZE];
	char record[HOSTD_CONFIG_TEXT_SIZE]; /* empty: nothing is recorded */
	char json[HOSTD_CONFIG_TEXT_SIZE];   /* see host/streams.h */
	char csv[HOSTD_CONFIG_TEXT_SIZE];
	struct listen_address listen;		      /* besides RUN/hostd.sock */
	char tls_certificate[HOSTD_CONFIG_TEXT_SIZE]; /* empty: no TLS */
	char tls_key[HOSTD_CONFIG_TEXT_SIZE];
	char host_names[HOSTD_CONFIG_TEXT_SIZE]; /* see host/host_header.h */
	bool anonymous;				 /* with users, others may ask as well */
	size_t n_users;
	struct credentials_user *users; /* owned */
	bool scaphandre, kepler;	/* their metrics' names as well */
	uint32_t series_retention_s;	/* how long ended domains have series */
	uint32_t interval_ms;
	/* See host/interval_fold.h; daily 0: for ever. */
	uint32_t hourly_retention_days, daily_retention_days;
	enum hostd_source source;
	enum idle_policy idle_policy;
	struct weight_model weight;
	/* Dynamic energy of packages goes by what is learned of the domains. */
	bool learn;
	uint64_t estimate_idle_uw, estimate_full_uw;
	size_t n_zones;
	struct hostd_zone_config zones[MACHINE_ZONES_MAX];
	size_t n_domains;
	struct hostd_domain_config *domains; /* owned */
	size_t n_pushes;
	struct push_config *pushes; /* owned */
	struct options_place place; /* of the section that is read */
};

/* Of hostd_config_meter_specs(). */
#define HOSTD_CONFIG_METER_SPECS_MAX 8

/* The defaults. */
void hostd_config_init(struct hostd_config *config);

/*
 * Reads flags and file into *ret_config; on any error in them it says so on
 * stderr and exits 2, on --help and --version it exits 0.
 */
void hostd_config_parse(int argc, char **argv, struct hostd_config *ret_config);
void hostd_config_deinit(struct hostd_config *config);

/*
 * Those of the settings that are the meter's: another program that has one takes them
 * by the same names, into a struct hostd_config. Returns how many there are.
 */
size_t hostd_config_meter_specs(
	struct option_spec ret_specs[HOSTD_CONFIG_METER_SPECS_MAX]);

/* What they mean to a meter; estimated: the energy is. */
struct meter_options hostd_config_meter_options(
	const struct hostd_config *config, bool estimated);

/*
 * How often the domain's guest is told: max(interval, 1000 ms, configured), and in whole
 * intervals: the next multiple, at most an hour. Else some samples would be of ticks
 * nearer to each other. A section with the UUID wins over one with the name.
 */
uint32_t hostd_config_guest_period_ms(
	const struct hostd_config *config, const struct inventory_domain *domain);
