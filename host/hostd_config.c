/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-hostd's settings. */
#include "host/hostd_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/number.h"
#include "shared/options.h"

#define WATTS_MAX	   100000
#define PERIOD_MIN_MS	   1000
#define PERIOD_MAX_MS	   3600000
#define RETENTION_MAX_DAYS 36500

static int set_text(char *text, const char *value, const char **ret_expected)
{
	size_t len = strlen(value);

	*ret_expected = "1 to 255 bytes";
	if (len == 0 || len >= HOSTD_CONFIG_TEXT_SIZE)
		return -EINVAL;
	memcpy(text, value, len + 1);
	return 0;
}

static int set_path(char *path, const char *value, const char **ret_expected)
{
	const char *expected;

	*ret_expected = "an absolute path of at most 255 bytes";
	return value[0] == '/' ? set_text(path, value, &expected) : -EINVAL;
}

static int set_connect(void *settings, const char *value, const char **ret_expected)
{
	return set_text(
		((struct hostd_config *)settings)->connect_uri, value, ret_expected);
}

static int set_sysfs(void *settings, const char *value, const char **ret_expected)
{
	return set_path(((struct hostd_config *)settings)->sysfs, value, ret_expected);
}

static int set_procfs(void *settings, const char *value, const char **ret_expected)
{
	return set_path(((struct hostd_config *)settings)->procfs, value, ret_expected);
}

static int set_libvirt_run_dir(
	void *settings, const char *value, const char **ret_expected)
{
	return set_path(
		((struct hostd_config *)settings)->libvirt_run_dir, value, ret_expected);
}

static int set_state_dir(void *settings, const char *value, const char **ret_expected)
{
	return set_path(
		((struct hostd_config *)settings)->state_dir, value, ret_expected);
}

static int set_run_dir(void *settings, const char *value, const char **ret_expected)
{
	return set_path(((struct hostd_config *)settings)->run_dir, value, ret_expected);
}

static int set_record(void *settings, const char *value, const char **ret_expected)
{
	return set_text(((struct hostd_config *)settings)->record, value, ret_expected);
}

static int set_u32(uint32_t *number, const char *value, uint32_t min, uint32_t max)
{
	uint64_t wide;
	int r = number_parse_range(value, min, max, &wide);

	if (r < 0)
		return r;
	*number = (uint32_t)wide;
	return 0;
}

static int set_interval(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "100..60000";
	return set_u32(
		&((struct hostd_config *)settings)->interval_ms, value, 100, 60000);
}

static int set_hourly_retention(
	void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "1..36500";
	return set_u32(&((struct hostd_config *)settings)->hourly_retention_days, value,
		1, RETENTION_MAX_DAYS);
}

static int set_daily_retention(
	void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "0..36500";
	return set_u32(&((struct hostd_config *)settings)->daily_retention_days, value, 0,
		RETENTION_MAX_DAYS);
}

static int set_source(void *settings, const char *value, const char **ret_expected)
{
	static const char *const names[] = { [HOSTD_SOURCE_AUTO] = "auto",
		[HOSTD_SOURCE_POWERCAP] = "powercap",
		[HOSTD_SOURCE_ESTIMATE] = "estimate" };
	struct hostd_config *config = settings;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			config->source = (enum hostd_source)i;
			return 0;
		}
	}
	*ret_expected = "auto, powercap or estimate";
	return -EINVAL;
}

static int set_idle_policy(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "reserved, proportional, equal or host";
	return idle_policy_parse(value, &((struct hostd_config *)settings)->idle_policy);
}

static int set_smt_gain(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "0 to 1";
	return number_parse_double(
		value, 1, &((struct hostd_config *)settings)->weight.smt_gain);
}

static int set_frequency_exponent(
	void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "0 to 4";
	return number_parse_double(
		value, 4, &((struct hostd_config *)settings)->weight.frequency_exponent);
}

static int set_coefficients(void *settings, const char *value, const char **ret_expected)
{
	struct hostd_config *config = settings;

	*ret_expected = "off or learn";
	if (strcmp(value, "off") != 0 && strcmp(value, "learn") != 0)
		return -EINVAL;
	config->learn = strcmp(value, "learn") == 0;
	return 0;
}

static int set_watts(uint64_t *uw, const char *value, const char **ret_expected)
{
	double watts;
	int r;

	*ret_expected = "watts, 0 to 100000";
	r = number_parse_double(value, WATTS_MAX, &watts);
	if (r < 0)
		return r;
	*uw = (uint64_t)(watts * 1e6 + 0.5);
	return 0;
}

static struct hostd_zone_config *get_zone(struct hostd_config *config, const char *name)
{
	struct hostd_zone_config *zone;

	for (size_t i = 0; i < config->n_zones; i++) {
		if (strcmp(config->zones[i].name, name) == 0)
			return &config->zones[i];
	}
	if (config->n_zones == MACHINE_ZONES_MAX || strlen(name) >= sizeof(zone->name))
		return NULL;
	zone = &config->zones[config->n_zones++];
	strcpy(zone->name, name);
	return zone;
}

static struct hostd_domain_config *get_domain(
	struct hostd_config *config, const char *name)
{
	struct hostd_domain_config *domains, *domain;

	for (size_t i = 0; i < config->n_domains; i++) {
		if (strcmp(config->domains[i].domain, name) == 0)
			return &config->domains[i];
	}
	if (strlen(name) >= sizeof(domain->domain))
		return NULL;
	domains = reallocarray(config->domains, config->n_domains + 1, sizeof(*domains));
	if (!domains)
		return NULL;
	config->domains = domains;
	domain = &domains[config->n_domains++];
	*domain = (struct hostd_domain_config){ 0 };
	strcpy(domain->domain, name);
	return domain;
}

static int set_in_zone(struct hostd_config *config, const char *name, const char *key,
	const char *value, const char **ret_expected)
{
	struct hostd_zone_config *zone;

	if (strcmp(key, "idle_w") != 0)
		return -ENOENT;
	*ret_expected = "a zone's name in the section, as in [zone \"package-0\"]";
	zone = name[0] ? get_zone(config, name) : NULL;
	return zone ? set_watts(&zone->idle_uw, value, ret_expected) : -EINVAL;
}

static int set_in_domain(struct hostd_config *config, const char *name, const char *key,
	const char *value, const char **ret_expected)
{
	struct hostd_domain_config *domain;

	if (strcmp(key, "period_ms") != 0)
		return -ENOENT;
	*ret_expected = "a domain's UUID or name in the section, as in [domain \"NAME\"]";
	domain = name[0] ? get_domain(config, name) : NULL;
	if (!domain)
		return -EINVAL;
	*ret_expected = "1000..3600000";
	return set_u32(&domain->period_ms, value, PERIOD_MIN_MS, PERIOD_MAX_MS);
}

static int set_in_section(void *settings, const char *kind, const char *name,
	const char *key, const char *value, const char **ret_expected)
{
	struct hostd_config *config = settings;

	if (strcmp(kind, "zone") == 0)
		return set_in_zone(config, name, key, value, ret_expected);
	if (strcmp(kind, "domain") == 0)
		return set_in_domain(config, name, key, value, ret_expected);
	if (strcmp(kind, "estimate") != 0 || name[0])
		return -ENOENT;
	if (strcmp(key, "idle_w") == 0)
		return set_watts(&config->estimate_idle_uw, value, ret_expected);
	if (strcmp(key, "full_w") == 0)
		return set_watts(&config->estimate_full_uw, value, ret_expected);
	return -ENOENT;
}

static const struct option_spec specs[] = {
	{ "connect", "URI", "libvirt connection (qemu:///system)", set_connect, false },
	{ "interval-ms", "N", "sampling interval, 100..60000 (1000)", set_interval,
		false },
	{ "source", "NAME", "auto, powercap or estimate (auto)", set_source, false },
	{ "idle-policy", "NAME", "reserved, proportional, equal or host (reserved)",
		set_idle_policy, false },
	{ "smt-gain", "R", "what a core's second busy thread adds to its power (0.15)",
		set_smt_gain, false },
	{ "frequency-exponent", "R", "power goes as frequency to the R (2)",
		set_frequency_exponent, false },
	{ "coefficients", "NAME", "off or learn: what domains' CPU time costs (learn)",
		set_coefficients, false },
	{ "sysfs", "DIR", "instead of /sys", set_sysfs, false },
	{ "procfs", "DIR", "instead of /proc", set_procfs, false },
	{ "libvirt-run-dir", "DIR", "instead of /run/libvirt", set_libvirt_run_dir,
		false },
	{ "state-dir", "DIR", "where the ledger is (" STATEDIR ")", set_state_dir,
		false },
	{ "hourly-retention-days", "N",
		"for how many days the ledger knows hours, 1..36500 (40)",
		set_hourly_retention, false },
	{ "daily-retention-days", "N",
		"for how many days it knows days, 0: for ever (800)", set_daily_retention,
		false },
	{ "run-dir", "DIR", "where hostd.sock is (" RUNDIR ")", set_run_dir, false },
	{ "record", "FILE", "write what is measured, for vmpower replay", set_record,
		false },
};

void hostd_config_init(struct hostd_config *config)
{
	*config = (struct hostd_config){
		.connect_uri = "qemu:///system",
		.sysfs = "/sys",
		.procfs = "/proc",
		.libvirt_run_dir = "/run/libvirt",
		.state_dir = STATEDIR,
		.run_dir = RUNDIR,
		.interval_ms = 1000,
		.hourly_retention_days = 40,
		.daily_retention_days = 800,
		.source = HOSTD_SOURCE_AUTO,
		.idle_policy = IDLE_POLICY_RESERVED,
		.weight = { WEIGHT_SMT_GAIN, WEIGHT_FREQUENCY_EXPONENT },
		.learn = true,
		.estimate_idle_uw = 10000000,
		.estimate_full_uw = 100000000,
	};
}

void hostd_config_parse(int argc, char **argv, struct hostd_config *ret_config)
{
	struct hostd_config config;
	const struct options options = {
		.program = "vmpower-hostd",
		.synopsis = "[OPTION]...",
		.summary = "Attributes the host's energy to its virtual machines.",
		.specs = specs,
		.n_specs = sizeof(specs) / sizeof(specs[0]),
		.config_path = SYSCONFDIR "/hostd.conf",
		.set_in_section = set_in_section,
		.settings = &config,
	};

	hostd_config_init(&config);
	options_parse(&options, argc, argv, OPTIONS_NO_OPERANDS);
	*ret_config = config;
}

size_t hostd_config_meter_specs(
	struct option_spec ret_specs[HOSTD_CONFIG_METER_SPECS_MAX])
{
	static const char *const names[] = { "idle-policy", "smt-gain",
		"frequency-exponent", "coefficients" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(specs) / sizeof(specs[0]); j++) {
			if (strcmp(specs[j].name, names[i]) == 0)
				ret_specs[n++] = specs[j];
		}
	}
	return n;
}

struct meter_options hostd_config_meter_options(
	const struct hostd_config *config, bool estimated)
{
	return (struct meter_options){
		.idle_policy = config->idle_policy,
		.weight = config->weight,
		.learn = config->learn,
		.estimated = estimated,
	};
}

void hostd_config_deinit(struct hostd_config *config)
{
	free(config->domains);
	*config = (struct hostd_config){ 0 };
}

uint32_t hostd_config_guest_period_ms(
	const struct hostd_config *config, const struct inventory_domain *domain)
{
	uint32_t period_ms = 0, by_name_ms = 0;
	char uuid[UUID_TEXT_SIZE];

	uuid_format(&domain->uuid, uuid);
	for (size_t i = 0; i < config->n_domains; i++) {
		const struct hostd_domain_config *section = &config->domains[i];

		if (strcasecmp(section->domain, uuid) == 0)
			period_ms = section->period_ms;
		else if (strcmp(section->domain, domain->name) == 0)
			by_name_ms = section->period_ms;
	}
	if (period_ms == 0)
		period_ms = by_name_ms;
	if (period_ms < config->interval_ms)
		period_ms = config->interval_ms;
	return period_ms < PERIOD_MIN_MS ? PERIOD_MIN_MS : period_ms;
}
