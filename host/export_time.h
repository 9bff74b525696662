/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Points in time as text: seconds since 1970, in UTC whatever TZ says. Pure. */
#pragma once

#include <stdint.h>

/* "2026-11-21T10:00:00Z" and the NUL; years up to 9999. */
#define EXPORT_TIME_SIZE 21

/*
 * "2026-11-21", "2026-11-21T10:00", "...T10:00:30", each of the latter with a fraction
 * (cut off), and with "Z", "+01:00" or "+0100" (UTC if there is none); a space may
 * stand for the T. "@1795255200": seconds since 1970. -EINVAL, -ERANGE: before 1970 or
 * after 9999.
 */
int export_time_parse(const char *text, uint64_t *ret_s);

void export_time_format(uint64_t s, char text[EXPORT_TIME_SIZE]);
