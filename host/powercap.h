/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Energy from the powercap class of sysfs (Documentation/power/powercap/), the
 * kernel's face of RAPL. Finds the zones and reads their counters; which of them
 * count is decided in host/zone_rules.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/energy.h"
#include "host/zone_rules.h"

extern const struct energy_ops powercap_ops;

/*
 * Every directory below SYSFS/class/powercap, at any depth and through the links
 * that the class consists of, that has a name file with a name zone_rules_know()
 * and energy_uj or max_energy_range_uj; each once. Returns how many (at most
 * ZONE_RULES_FOUND_MAX), or -errno when there is no such class directory.
 */
int powercap_find(const char *sysfs, struct zone_found ret_found[ZONE_RULES_FOUND_MAX]);

/*
 * What an energy_uj file says: digits and a newline. -ENODATA: nothing; -EBADMSG:
 * something else.
 */
int powercap_parse_energy(const char *text, size_t len, uint64_t *ret_energy_uj);

/* A zone's name, the first line of its name file: -EBADMSG if empty or too long. */
int powercap_parse_name(
	const char *text, size_t len, char ret_name[MACHINE_ZONE_NAME_SIZE]);
