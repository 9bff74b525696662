/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The table of RAPL registers: which they are, and what each is made of. */
#include "fuse-powercap/msr.h"

#include <errno.h>
#include <stddef.h>

/* Units as powers of two: 1/8 W, 2^-14 J (61035 nJ), 1/1024 s (976 us); AMD: 2^-16 J. */
#define POWER_UNIT	 3u
#define ENERGY_UNIT	 14u
#define TIME_UNIT	 10u
#define AMD_ENERGY_UNIT	 16u
#define DRAM_SERVER_UNIT 16u
#define TIME_UNIT_US	 976u
#define LIMIT_ENABLED	 (UINT64_C(1) << 15)
#define PACKAGE_LOCKED	 (UINT64_C(1) << 63)
#define DRAM_LOCKED	 (UINT64_C(1) << 31)
#define POWER_MASK	 UINT64_C(0x7FFF)
#define WINDOW_SHIFT	 17
#define SECOND_SHIFT	 32
#define WINDOW_EXPONENT	 31u
#define MICRO		 1000000u

struct register_row {
	uint32_t number;
	/* What is needed to have it: nothing, the package or its dram. */
	enum { OF_CPU, OF_PACKAGE, OF_DRAM } of;
	int (*read)(const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value);
	/* Without a function: what it always reads. */
	uint64_t value;
};

static int read_units(const struct msr_cpu *cpu, unsigned int zone, unsigned int unit,
	uint64_t *ret_value)
{
	uint64_t uj;
	int r;

	r = cpu->read_energy(cpu->context, zone, &uj);
	if (r < 0)
		return r;
	/* 32 bits, which wrap. */
	*ret_value = (uint32_t)(((unsigned __int128)uj << unit) / MICRO);
	return 0;
}

static int read_package_energy(
	const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value)
{
	return read_units(cpu, zone, ENERGY_UNIT, ret_value);
}

static int read_dram_energy(
	const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value)
{
	return read_units(cpu, zone, cpu->dram_unit, ret_value);
}

static int read_amd_energy(
	const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value)
{
	return read_units(cpu, zone, AMD_ENERGY_UNIT, ret_value);
}

static uint64_t power_field(uint64_t power_uw)
{
	return (power_uw << POWER_UNIT) / MICRO & POWER_MASK;
}

/* 2^y * (1 + z / 4) units: y in the lower five bits, z above; the longest not over it. */
static uint64_t window_field(uint64_t window_us)
{
	uint64_t quarters = window_us * 4 / TIME_UNIT_US, y = 0;

	if (quarters < 4)
		return 0;
	while (quarters >= 8 && y < WINDOW_EXPONENT) {
		quarters /= 2;
		y++;
	}
	return (quarters - 4) << 5 | y;
}

static uint64_t limit_fields(const struct powercap_constraint *constraint)
{
	uint64_t power = power_field(constraint->power_limit_uw);

	return power | (power ? LIMIT_ENABLED : 0) |
	       window_field(constraint->time_window_us) << WINDOW_SHIFT;
}

static int read_package_limit(
	const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value)
{
	const struct powercap_zone *package = &cpu->model->zones[zone];

	*ret_value = PACKAGE_LOCKED |
		     limit_fields(powercap_zone_constraint(package, 1)) << SECOND_SHIFT |
		     limit_fields(powercap_zone_constraint(package, 0));
	return 0;
}

static int read_dram_limit(
	const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value)
{
	const struct powercap_zone *dram = &cpu->model->zones[zone];

	*ret_value = DRAM_LOCKED | limit_fields(powercap_zone_constraint(dram, 0));
	return 0;
}

/* The thermal design power; least and greatest limit are not told. */
static int read_info(const struct msr_cpu *cpu, unsigned int zone, uint64_t *ret_value)
{
	const struct powercap_zone *any = &cpu->model->zones[zone];

	*ret_value = power_field(powercap_zone_constraint(any, 0)->max_power_uw);
	return 0;
}

static const struct register_row rows[] = {
	/* MSR_RAPL_POWER_UNIT */
	{ 0x606, OF_CPU, NULL, TIME_UNIT << 16 | ENERGY_UNIT << 8 | POWER_UNIT },
	/* MSR_PKG_POWER_LIMIT, _ENERGY_STATUS, _PERF_STATUS, _POWER_INFO */
	{ 0x610, OF_PACKAGE, read_package_limit, 0 },
	{ 0x611, OF_PACKAGE, read_package_energy, 0 },
	{ 0x613, OF_PACKAGE, NULL, 0 },
	{ 0x614, OF_PACKAGE, read_info, 0 },
	/* MSR_DRAM_POWER_LIMIT, _ENERGY_STATUS, _PERF_STATUS, _POWER_INFO */
	{ 0x618, OF_DRAM, read_dram_limit, 0 },
	{ 0x619, OF_DRAM, read_dram_energy, 0 },
	{ 0x61B, OF_DRAM, NULL, 0 },
	{ 0x61C, OF_DRAM, read_info, 0 },
	/* Of cores, graphics and platform nothing is known: they do not count. */
	{ 0x639, OF_CPU, NULL, 0 },
	{ 0x641, OF_CPU, NULL, 0 },
	{ 0x64D, OF_CPU, NULL, 0 },
	/* AMD: units, energy of the core, energy of the package. */
	{ 0xC0010299, OF_CPU, NULL, TIME_UNIT << 16 | AMD_ENERGY_UNIT << 8 | POWER_UNIT },
	{ 0xC001029A, OF_CPU, NULL, 0 },
	{ 0xC001029B, OF_PACKAGE, read_amd_energy, 0 },
};

static const struct register_row *find_row(uint32_t number)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].number == number)
			return &rows[i];
	}
	return NULL;
}

/* The zone's place; -EIO: there is none. */
static int find_zone(const struct msr_cpu *cpu, bool dram)
{
	const struct powercap_zone *zones = cpu->model->zones;

	for (unsigned int i = 0; i < cpu->model->n_zones; i++) {
		int parent = zones[i].parent;
		bool is_dram = parent != POWERCAP_ZONE_NO_PARENT;
		unsigned int package = is_dram ? zones[parent].index : zones[i].index;

		if (is_dram == dram && package == cpu->package)
			return (int)i;
	}
	return -EIO;
}

unsigned int msr_dram_unit(unsigned int family, unsigned int model)
{
	/* Haswell, Broadwell, Skylake, Ice Lake, Sapphire and Emerald Rapids; Phi. */
	static const uint8_t servers[] = { 0x3F, 0x4F, 0x56, 0x55, 0x6A, 0x6C, 0x8F, 0xCF,
		0x57, 0x85 };

	if (family != 6)
		return ENERGY_UNIT;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		if (servers[i] == model)
			return DRAM_SERVER_UNIT;
	}
	return ENERGY_UNIT;
}

bool msr_is_rapl(uint32_t number)
{
	return find_row(number) != NULL;
}

int msr_read(const struct msr_cpu *cpu, uint32_t number, uint64_t *ret_value)
{
	const struct register_row *row = find_row(number);
	int zone = 0;

	if (!row)
		return -ENOENT;
	if (row->of != OF_CPU)
		zone = find_zone(cpu, row->of == OF_DRAM);
	if (zone < 0)
		return zone;
	if (row->read)
		return row->read(cpu, (unsigned int)zone, ret_value);
	*ret_value = row->value;
	return 0;
}
