/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-hostd's settings. */
#include "host/hostd_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/array.h"
#include "shared/number.h"
#include "shared/options.h"

#define LISTEN_DEFAULT "127.0.0.1:9846"

#define WATTS_MAX	       100000
#define PERIOD_MIN_MS	       1000
#define PERIOD_MAX_MS	       3600000
#define RETENTION_MAX_DAYS     36500
#define SERIES_RETENTION_MAX_S 86400

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

static int set_json(void *settings, const char *value, const char **ret_expected)
{
	return set_text(((struct hostd_config *)settings)->json, value, ret_expected);
}

static int set_csv(void *settings, const char *value, const char **ret_expected)
{
	return set_text(((struct hostd_config *)settings)->csv, value, ret_expected);
}

static int set_tls_certificate(
	void *settings, const char *value, const char **ret_expected)
{
	return set_path(
		((struct hostd_config *)settings)->tls_certificate, value, ret_expected);
}

static int set_tls_key(void *settings, const char *value, const char **ret_expected)
{
	return set_path(((struct hostd_config *)settings)->tls_key, value, ret_expected);
}

static int set_host_names(void *settings, const char *value, const char **ret_expected)
{
	return set_text(
		((struct hostd_config *)settings)->host_names, value, ret_expected);
}

static int set_listen(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = LISTEN_ADDRESS_EXPECTED;
	return listen_address_parse(value, &((struct hostd_config *)settings)->listen);
}

static int set_anonymous(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "yes or no";
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -EINVAL;
	((struct hostd_config *)settings)->anonymous = strcmp(value, "yes") == 0;
	return 0;
}

/* Names with commas and blanks between them. */
static int set_compat(void *settings, const char *value, const char **ret_expected)
{
	struct hostd_config *config = settings;
	bool scaphandre = false, kepler = false;

	*ret_expected = "none, or scaphandre, kepler, or both with a comma";
	if (strcmp(value, "none") != 0) {
		for (const char *at = value + strspn(value, ", "); *at;
			at += strspn(at, ", ")) {
			size_t len = strcspn(at, ", ");

			if (len == 10 && strncmp(at, "scaphandre", len) == 0)
				scaphandre = true;
			else if (len == 6 && strncmp(at, "kepler", len) == 0)
				kepler = true;
			else
				return -EINVAL;
			at += len;
		}
		if (!scaphandre && !kepler)
			return -EINVAL;
	}
	config->scaphandre = scaphandre;
	config->kepler = kepler;
	return 0;
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

static int set_series_retention(
	void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "0..86400";
	return set_u32(&((struct hostd_config *)settings)->series_retention_s, value, 0,
		SERIES_RETENTION_MAX_S);
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
	struct hostd_domain_config *domain;

	for (size_t i = 0; i < config->n_domains; i++) {
		if (strcmp(config->domains[i].domain, name) == 0)
			return &config->domains[i];
	}
	if (strlen(name) >= sizeof(domain->domain))
		return NULL;
	if (array_resize(&config->domains, config->n_domains + 1) < 0)
		return NULL;
	domain = &config->domains[config->n_domains++];
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

static struct credentials_user *add_user(struct hostd_config *config, const char *name)
{
	struct credentials_user *user;

	if (strlen(name) >= sizeof(user->name))
		return NULL;
	for (size_t i = 0; i < config->n_users; i++) {
		if (strcmp(config->users[i].name, name) == 0)
			return &config->users[i];
	}
	if (array_resize(&config->users, config->n_users + 1) < 0)
		return NULL;
	user = &config->users[config->n_users++];
	*user = (struct credentials_user){ 0 };
	strcpy(user->name, name);
	return user;
}

static int set_in_user(struct hostd_config *config, const char *name, const char *key,
	const char *value, const char **ret_expected)
{
	struct credentials_user *user;

	if (strcmp(key, "password") != 0)
		return -ENOENT;
	*ret_expected = "a name without a colon in the section, as in [user \"NAME\"]";
	if (!name[0] || strchr(name, ':'))
		return -EINVAL;
	*ret_expected = "a bcrypt hash, as from mkpasswd -m bcrypt, of cost 4 to 16";
	if (!credentials_hash_is_valid(value))
		return -EINVAL;
	user = add_user(config, name);
	if (!user)
		return -ENOMEM;
	strcpy(user->hash, value);
	return 0;
}

static struct push_config *get_push(struct hostd_config *config, const char *name)
{
	struct push_config *push;

	for (size_t i = 0; i < config->n_pushes; i++) {
		if (strcmp(config->pushes[i].name, name) == 0)
			return &config->pushes[i];
	}
	if (array_resize(&config->pushes, config->n_pushes + 1) < 0)
		return NULL;
	push = &config->pushes[config->n_pushes++];
	push_config_init(push);
	strcpy(push->name, name);
	push->place = config->place;
	return push;
}

static int set_in_push(struct hostd_config *config, const char *name, const char *key,
	const char *value, const char **ret_expected)
{
	struct push_config *push;

	*ret_expected = "a name of the target in the section, as in [push \"NAME\"]";
	if (!name[0] || strlen(name) >= sizeof(push->name))
		return -EINVAL;
	push = get_push(config, name);
	return push ? push_config_set(push, key, value, ret_expected) : -ENOMEM;
}

static int set_in_section(void *settings, const char *kind, const char *name,
	const char *key, const char *value, const char **ret_expected)
{
	struct hostd_config *config = settings;

	if (strcmp(kind, "zone") == 0)
		return set_in_zone(config, name, key, value, ret_expected);
	if (strcmp(kind, "domain") == 0)
		return set_in_domain(config, name, key, value, ret_expected);
	if (strcmp(kind, "user") == 0)
		return set_in_user(config, name, key, value, ret_expected);
	if (strcmp(kind, "push") == 0)
		return set_in_push(config, name, key, value, ret_expected);
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
	{ "listen", "ADDRESS", "HTTP: ADDR:PORT, unix:PATH or none (" LISTEN_DEFAULT ")",
		set_listen, false },
	{ "tls-certificate", "FILE", "HTTPS: certificate and chain, PEM",
		set_tls_certificate, false },
	{ "tls-key", "FILE", "HTTPS: the certificate's key, PEM", set_tls_key, false },
	{ "host-names", "LIST", "other names that HTTP clients may call this host",
		set_host_names, false },
	{ "anonymous", "yes|no", "whether HTTP needs no name where there are users (no)",
		set_anonymous, false },
	{ "compat", "LIST", "metrics also by the names of scaphandre, kepler (none)",
		set_compat, false },
	{ "series-retention-s", "N",
		"for how long a domain that ended has metrics, 0..86400 (300)",
		set_series_retention, false },
	{ "run-dir", "DIR", "where hostd.sock is (" RUNDIR ")", set_run_dir, false },
	{ "record", "FILE", "write what is measured, for vmpower replay", set_record,
		false },
	{ "json", "FILE|-", "append each tick as a line of JSON", set_json, false },
	{ "csv", "FILE|-", "append each tick as rows of CSV", set_csv, false },
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
		.series_retention_s = 300,
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
	listen_address_parse(LISTEN_DEFAULT, &config->listen);
}

/* What one setting cannot tell of another. */
static void check_together(const struct hostd_config *config)
{
	const char *wrong = NULL;

	if (!config->tls_certificate[0] != !config->tls_key[0])
		wrong = "tls_certificate and tls_key are needed both";
	else if (config->tls_certificate[0] && config->listen.kind == LISTEN_UNIX)
		wrong = "tls_certificate and tls_key are for listen = ADDR:PORT";
	else if (config->n_users > 0 && config->listen.kind == LISTEN_UNIX)
		wrong = "[user] sections are for listen = ADDR:PORT; of a unix socket, "
			"its mode says who may";
	else if (config->json[0] && strcmp(config->json, config->csv) == 0)
		wrong = "json and csv need a file each";
	if (!wrong)
		return;
	fprintf(stderr, "vmpower-hostd: %s\n", wrong);
	exit(EXIT_USAGE);
}

static void check_pushes(const struct hostd_config *config)
{
	bool bad = false;

	for (size_t i = 0; i < config->n_pushes; i++) {
		const struct push_config *push = &config->pushes[i];
		const char *wrong = push_config_problem(push);

		if (!wrong)
			continue;
		fprintf(stderr, "%s:%d: [push \"%s\"]: %s\n", push->place.path,
			push->place.line, push->name, wrong);
		bad = true;
	}
	if (bad)
		exit(EXIT_USAGE);
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
		.place = &config.place,
		.settings = &config,
	};

	hostd_config_init(&config);
	options_parse(&options, argc, argv, OPTIONS_NO_OPERANDS);
	check_together(&config);
	check_pushes(&config);
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
	free(config->users);
	free(config->pushes);
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
	if (period_ms < PERIOD_MIN_MS)
		period_ms = PERIOD_MIN_MS;
	period_ms += config->interval_ms - 1;
	period_ms -= period_ms % config->interval_ms;
	return period_ms > PERIOD_MAX_MS ? period_ms - config->interval_ms : period_ms;
}
