/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The RAPL registers of a CPU, from the same zones and counters as the tree. Pure: no
 * file and no real register; who has those asks here first.
 *
 * After the Intel SDM, volume 3, 15.10 (0x606 to 0x64D), and AMD's PPR for family 17h
 * (0xC0010299 to 0xC001029B). The limits are locked, as those of the tree.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fuse-powercap/zone.h"

struct msr_cpu {
	const struct powercap_model *model;
	/* The CPU's socket: the index of its package. */
	unsigned int package;
	/* Dram counts in 2^-n J: msr_dram_unit() of the CPU. */
	unsigned int dram_unit;
	/* Cumulative microjoules of a zone, not wrapped; or -errno. It must not block. */
	int (*read_energy)(void *context, unsigned int zone, uint64_t *ret_uj);
	void *context;
};

/* What tools take it for: servers of family 6 have a unit of their own for dram. */
unsigned int msr_dram_unit(unsigned int family, unsigned int model);

/* Whether it is a RAPL register; all others are the real device's. */
bool msr_is_rapl(uint32_t number);

/*
 * What the register reads now. -ENOENT: it is not a RAPL register. -EIO, as where the
 * CPU has none: a zone that is not there, or what reading its energy gives.
 */
int msr_read(const struct msr_cpu *cpu, uint32_t number, uint64_t *ret_value);
