/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Published formulas. */
#include "tests/bench/accuracy/formula.h"

#include <math.h>
#include <stddef.h>

/* Sums over the packages, for tools that know one host only. */
struct whole {
	double energy_j, used_s, capacity_s;
};

static struct whole whole_of(const struct cputime *time, const double *energy_j)
{
	struct whole whole = { 0 };

	for (unsigned p = 0; p < time->n_packages; p++) {
		whole.energy_j += energy_j[p];
		whole.used_s += time->used_s[p];
		whole.capacity_s += time->capacity_s[p];
	}
	return whole;
}

/* Each player its time on each package, times this. */
static void share_time(
	const struct cputime *time, double watts, struct formula_shares *shares)
{
	for (unsigned i = 0; i < time->n_players; i++)
		for (unsigned p = 0; p < time->n_packages; p++)
			shares->j[i][p] = time->player_s[i][p] * watts;
}

/* A package's energy by its CPU time: vmpower without any refinement. */
static void share_plain(
	const struct cputime *time, const double *energy_j, struct formula_shares *shares)
{
	for (unsigned p = 0; p < time->n_packages; p++)
		for (unsigned i = 0; i < time->n_players && time->used_s[p] > 0; i++)
			shares->j[i][p] = energy_j[p] * time->player_s[i][p] /
					  time->used_s[p];
}

/*
 * Scaphandre: the host's energy, by a process's part of all jiffies, idle ones
 * included. https://github.com/hubblo-org/scaphandre, src/exporters/qemu.rs
 * (iteration) and src/sensors/mod.rs (get_process_power_consumption_microwatts).
 */
static void share_scaphandre(
	const struct cputime *time, const double *energy_j, struct formula_shares *shares)
{
	struct whole whole = whole_of(time, energy_j);

	share_time(time, whole.energy_j / whole.capacity_s, shares);
}

/*
 * QEMU's emulation of the RAPL registers: a package's energy, by a thread's ticks out
 * of those of all its CPUs; QEMU's main thread is left out.
 * https://gitlab.com/qemu-project/qemu, docs/specs/rapl-msr.rst,
 * target/i386/kvm/vmsr_energy.c (vmsr_get_ratio, vmsr_get_thread_ids) and kvm.c
 * (maxticks).
 */
static void share_vmsr(
	const struct cputime *time, const double *energy_j, struct formula_shares *shares)
{
	for (unsigned p = 0; p < time->n_packages; p++)
		for (unsigned i = 0; i < time->n_players; i++)
			shares->j[i][p] = energy_j[p] *
					  (time->player_s[i][p] - time->main_s[i][p]) /
					  time->capacity_s[p];
}

/*
 * Kepler since 0.10: of the energy of all packages, the part that the CPUs were busy
 * is active; by a process's part of all processes' CPU time. The rest is the node's.
 * https://github.com/sustainable-computing-io/kepler,
 * docs/developer/power-attribution-guide.md.
 */
static void share_kepler(
	const struct cputime *time, const double *energy_j, struct formula_shares *shares)
{
	struct whole whole = whole_of(time, energy_j);
	double active_j = whole.energy_j * whole.used_s / whole.capacity_s;

	if (whole.used_s > 0)
		share_time(time, active_j / whole.used_s, shares);
}

/*
 * CEEMS: the energy of all packages, idle included, by a unit's part of the CPU time
 * that was not idle. https://github.com/mahendrapaipuri/ceems,
 * etc/prometheus/rules/host-power-rapl.rules (ceems_host_power_watts).
 */
static void share_ceems(
	const struct cputime *time, const double *energy_j, struct formula_shares *shares)
{
	struct whole whole = whole_of(time, energy_j);

	if (whole.used_s > 0)
		share_time(time, whole.energy_j / whole.used_s, shares);
}

/*
 * EnergAt: of a socket's energy beyond its baseline, the part of CPU time to the power
 * of 0.3. H. He, M. Friedman, T. Rekatsinas, "EnergAt: Fine-Grained Energy Attribution
 * for Multi-Tenancy", HotCarbon 2023, https://arxiv.org/abs/2307.05647; the exponent
 * is the default of https://github.com/HongyuHe/energat, configs/default.py.
 */
static void share_energat(
	const struct cputime *time, const double *energy_j, struct formula_shares *shares)
{
	for (unsigned p = 0; p < time->n_packages; p++)
		for (unsigned i = 0; i < time->n_players && time->used_s[p] > 0; i++)
			shares->j[i][p] = energy_j[p] *
					  pow(time->player_s[i][p] / time->used_s[p],
						  0.3);
}

const struct formula formulas[] = {
	{ "plain share of CPU time", false, share_plain },
	{ "Scaphandre", true, share_scaphandre },
	{ "QEMU RAPL MSR", true, share_vmsr },
	{ "Kepler", true, share_kepler },
	{ "CEEMS", true, share_ceems },
	{ "EnergAt", false, share_energat },
	{ 0 },
};
