/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A kernel module for the tests: one package with dram, registered with the kernel's
 * own powercap core as intel_rapl does where the BIOS has locked the limits. It
 * measures nothing; the energy is what its parameters say.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/powercap.h>

struct oracle_constraint {
	const char *name;
	u64 power_limit_uw, time_window_us, max_power_uw;
};

struct oracle_zone {
	struct powercap_zone zone;
	u64 range_uj;
	const unsigned long *energy_uj;
	const struct oracle_constraint *constraints;
};

static unsigned long package_uj, dram_uj;
module_param(package_uj, ulong, 0644);
module_param(dram_uj, ulong, 0644);

static const struct oracle_constraint package_constraints[] = {
	{ "long_term", 400000000, 999424, 400000000 },
	{ "short_term", 480000000, 2440, 800000000 },
};

static const struct oracle_constraint dram_constraints[] = {
	{ "long_term", 0, 976, 122000000 },
};

static struct oracle_zone package = {
	.range_uj = 262143328850,
	.energy_uj = &package_uj,
	.constraints = package_constraints,
};

static struct oracle_zone dram = {
	.range_uj = 65712999613,
	.energy_uj = &dram_uj,
	.constraints = dram_constraints,
};

static struct oracle_zone *to_oracle(struct powercap_zone *zone)
{
	return container_of(zone, struct oracle_zone, zone);
}

static int get_range(struct powercap_zone *zone, u64 *uj)
{
	*uj = to_oracle(zone)->range_uj;
	return 0;
}

static int get_energy(struct powercap_zone *zone, u64 *uj)
{
	*uj = READ_ONCE(*to_oracle(zone)->energy_uj);
	return 0;
}

/* The zones are not allocated. */
static int release(struct powercap_zone *zone)
{
	return 0;
}

static int get_enable(struct powercap_zone *zone, bool *enabled)
{
	*enabled = true;
	return 0;
}

static int set_enable(struct powercap_zone *zone, bool enabled)
{
	return -EACCES;
}

static const struct powercap_zone_ops zone_ops = {
	.get_max_energy_range_uj = get_range,
	.get_energy_uj = get_energy,
	.release = release,
	.set_enable = set_enable,
	.get_enable = get_enable,
};

static int get_limit(struct powercap_zone *zone, int id, u64 *uw)
{
	*uw = to_oracle(zone)->constraints[id].power_limit_uw;
	return 0;
}

static int get_window(struct powercap_zone *zone, int id, u64 *us)
{
	*us = to_oracle(zone)->constraints[id].time_window_us;
	return 0;
}

static int get_max(struct powercap_zone *zone, int id, u64 *uw)
{
	*uw = to_oracle(zone)->constraints[id].max_power_uw;
	return 0;
}

static const char *get_name(struct powercap_zone *zone, int id)
{
	return to_oracle(zone)->constraints[id].name;
}

static int set_locked(struct powercap_zone *zone, int id, u64 value)
{
	return -EACCES;
}

static const struct powercap_zone_constraint_ops constraint_ops = {
	.set_power_limit_uw = set_locked,
	.get_power_limit_uw = get_limit,
	.set_time_window_us = set_locked,
	.get_time_window_us = get_window,
	.get_max_power_uw = get_max,
	.get_name = get_name,
};

static struct powercap_control_type *control;

static int __init oracle_init(void)
{
	struct powercap_zone *zone;

	control = powercap_register_control_type(NULL, "intel-rapl", NULL);
	if (IS_ERR(control))
		return PTR_ERR(control);
	zone = powercap_register_zone(&package.zone, control, "package-0", NULL,
		&zone_ops, ARRAY_SIZE(package_constraints), &constraint_ops);
	if (IS_ERR(zone))
		goto unregister_control;
	zone = powercap_register_zone(&dram.zone, control, "dram", &package.zone,
		&zone_ops, ARRAY_SIZE(dram_constraints), &constraint_ops);
	if (IS_ERR(zone))
		goto unregister_package;
	return 0;

unregister_package:
	powercap_unregister_zone(control, &package.zone);
unregister_control:
	powercap_unregister_control_type(control);
	return PTR_ERR(zone);
}

static void __exit oracle_exit(void)
{
	powercap_unregister_zone(control, &dram.zone);
	powercap_unregister_zone(control, &package.zone);
	powercap_unregister_control_type(control);
}

module_init(oracle_init);
module_exit(oracle_exit);
MODULE_DESCRIPTION("vmpower's test: what the kernel's powercap tree is like");
/* What the kernel calls a licence compatible with its own, as the LGPL is. */
MODULE_LICENSE("GPL");
