/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* RAPL registers, as the Intel SDM and AMD's PPR have their fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "fuse-powercap/msr.h"

struct energies {
	uint64_t uj[4]; /* package-0, dram, package-1, dram */
	int error;
};

static int read_energy(void *context, unsigned int zone, uint64_t *ret_uj)
{
	const struct energies *energies = context;

	if (energies->error)
		return energies->error;
	*ret_uj = energies->uj[zone];
	return 0;
}

static struct powercap_model make_model(bool dram)
{
	struct powercap_model model = { 0 };

	for (int i = 0; i < 2; i++) {
		int place = (int)model.n_zones;

		assert_int_equal(powercap_model_add(&model, i ? "package-1" : "package-0",
					 262143328850, POWERCAP_ZONE_NO_PARENT),
			0);
		if (dram)
			assert_int_equal(
				powercap_model_add(&model, "dram", 65712999613, place),
				0);
	}
	return model;
}

static uint64_t read_of(const struct msr_cpu *cpu, uint32_t number)
{
	uint64_t value = 0;

	assert_int_equal(msr_read(cpu, number, &value), 0);
	return value;
}

static void test_fixed(void **state)
{
	static const struct {
		uint32_t number;
		uint64_t value;
	} cases[] = {
		{ 0x606, 0xA0E03 },
		{ 0x613, 0 },
		{ 0x61B, 0 },
		{ 0x639, 0 },
		{ 0x641, 0 },
		{ 0x64D, 0 },
		{ 0xC0010299, 0xA1003 },
		{ 0xC001029A, 0 },
		/* Locked; 480 W in 2^1 * (1 + 1/4) units, 400 W in 2^10 units; enabled.
		 */
		{ 0x610, UINT64_C(1) << 63 | UINT64_C(0x21) << 49 | UINT64_C(1) << 47 |
				 UINT64_C(480) * 8 << 32 | 10 << 17 | 1 << 15 | 400 * 8 },
		{ 0x614, 400 * 8 },
		{ 0x618, UINT64_C(1) << 31 },
		{ 0x61C, 122 * 8 },
	};
	const struct powercap_model model = make_model(true);
	struct energies energies = { .error = -EIO };
	const struct msr_cpu cpu = { &model, 0, 16, read_energy, &energies };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(msr_is_rapl(cases[i].number));
		assert_true(read_of(&cpu, cases[i].number) == cases[i].value);
	}
}

static void test_energy(void **state)
{
	static const struct {
		unsigned int package, dram_unit;
		uint32_t number;
		uint64_t uj[4], value;
	} cases[] = {
		/* One joule, in each unit. */
		{ 0, 14, 0x611, { 1000000, 9, 9, 9 }, 1 << 14 },
		{ 0, 14, 0x619, { 9, 1000000, 9, 9 }, 1 << 14 },
		{ 0, 16, 0x619, { 9, 1000000, 9, 9 }, 1 << 16 },
		{ 0, 14, 0xC001029B, { 1000000, 9, 9, 9 }, 1 << 16 },
		{ 1, 14, 0x611, { 9, 9, 3000000, 9 }, 3 << 14 },
		{ 1, 16, 0x619, { 9, 9, 9, 2000000 }, 2 << 16 },
		/* What is not a whole unit yet is not shown. */
		{ 0, 14, 0x611, { 61, 0, 0, 0 }, 0 },
		{ 0, 14, 0x611, { 62, 0, 0, 0 }, 1 },
		/* 2^18 J are 2^32 units; the counter of the zone goes on. */
		{ 0, 14, 0x611, { UINT64_C(262143999939) }, UINT32_MAX },
		{ 0, 14, 0x611, { UINT64_C(262144000000) }, 0 },
		{ 0, 14, 0x611, { UINT64_C(262145000000) }, 1 << 14 },
		{ 0, 14, 0xC001029B, { UINT64_C(65536000000) }, 0 },
		/* Nothing is too much. */
		{ 0, 14, 0x611, { UINT64_MAX },
			(uint32_t)(((unsigned __int128)UINT64_MAX << 14) / 1000000) },
	};
	const struct powercap_model model = make_model(true);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct energies energies = { .error = 0 };
		const struct msr_cpu cpu = { &model, cases[i].package, cases[i].dram_unit,
			read_energy, &energies };

		for (size_t zone = 0; zone < 4; zone++)
			energies.uj[zone] = cases[i].uj[zone];
		assert_true(read_of(&cpu, cases[i].number) == cases[i].value);
	}
}

static void test_errors(void **state)
{
	static const uint32_t dram[] = { 0x618, 0x619, 0x61B, 0x61C };
	static const uint32_t others[] = { 0, 0x10, 0x605, 0x607, 0x612, 0x1A2,
		0xC0010298, 0xC001029C, 0xC0000082, UINT32_MAX };
	const struct powercap_model model = make_model(false);
	struct energies energies = { .error = -EIO };
	struct msr_cpu cpu = { &model, 0, 14, read_energy, &energies };
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(dram) / sizeof(dram[0]); i++)
		assert_int_equal(msr_read(&cpu, dram[i], &value), -EIO);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(msr_read(&cpu, others[i], &value), -ENOENT);
		assert_false(msr_is_rapl(others[i]));
	}
	/* Stale; and a socket without a package. */
	assert_int_equal(msr_read(&cpu, 0x611, &value), -EIO);
	energies.error = 0;
	cpu.package = 2;
	assert_int_equal(msr_read(&cpu, 0x611, &value), -EIO);
	assert_int_equal(value, 7);
}

static void test_dram_unit(void **state)
{
	(void)state;
	assert_int_equal(msr_dram_unit(6, 0x3C), 14);
	assert_int_equal(msr_dram_unit(6, 0x3F), 16);
	assert_int_equal(msr_dram_unit(6, 0x55), 16);
	assert_int_equal(msr_dram_unit(0x17, 0x55), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_energy),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_dram_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
