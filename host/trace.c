/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Traces: names and errors. */
#include "host/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const zone_kinds[] = {
	[MACHINE_ZONE_PACKAGE] = "package",
	[MACHINE_ZONE_DRAM] = "dram",
	[MACHINE_ZONE_CORE] = "core",
	[MACHINE_ZONE_UNCORE] = "uncore",
	[MACHINE_ZONE_PSYS] = "psys",
};

static const char *const thread_kinds[] = {
	[SAMPLE_THREAD_VCPU] = "vcpu",
	[SAMPLE_THREAD_EMULATOR] = "emulator",
	[SAMPLE_THREAD_IOTHREAD] = "iothread",
	[SAMPLE_THREAD_VHOST] = "vhost",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *trace_zone_kind_name(enum machine_zone_kind kind)
{
	return zone_kinds[kind];
}

const char *trace_thread_kind_name(enum sample_thread_kind kind)
{
	return thread_kinds[kind];
}

int trace_zone_kind_parse(
	const struct json_string *name, enum machine_zone_kind *ret_kind)
{
	for (size_t i = 0; i < COUNT(zone_kinds); i++) {
		if (json_string_is(name, zone_kinds[i])) {
			*ret_kind = (enum machine_zone_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

int trace_thread_kind_parse(const struct json_string *name, uint8_t *ret_kind)
{
	for (size_t i = 0; i < COUNT(thread_kinds); i++) {
		if (json_string_is(name, thread_kinds[i])) {
			*ret_kind = (uint8_t)i;
			return 0;
		}
	}
	return -EINVAL;
}

int trace_origin_parse(const struct json_string *name, enum idle_power_origin *ret_origin)
{
	static const enum idle_power_origin origins[] = { IDLE_POWER_LEARNED,
		IDLE_POWER_CONFIGURED, IDLE_POWER_CALIBRATED };

	for (size_t i = 0; i < COUNT(origins); i++) {
		if (json_string_is(name, idle_power_origin_name(origins[i]))) {
			*ret_origin = origins[i];
			return 0;
		}
	}
	return -EINVAL;
}

int trace_zone_find(const struct machine *machine, const struct json_string *name)
{
	for (size_t i = 0; i < machine->n_zones; i++) {
		if (json_string_is(name, machine->zones[i].name))
			return (int)i;
	}
	return -ENOENT;
}

int trace_error(char error[TRACE_ERROR_SIZE], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, TRACE_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return -EBADMSG;
}
