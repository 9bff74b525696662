/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * credentials_check() of a program that is linked with -Wl,--wrap=credentials_check: it
 * takes as long as the test wants it to.
 */
#pragma once

#include <stdbool.h>
#include <unistd.h>

#include "host/credentials.h"

static _Atomic bool checks_rest;

bool __real_credentials_check(struct credentials *credentials, const char *header);
bool __wrap_credentials_check(struct credentials *credentials, const char *header);

bool __wrap_credentials_check(struct credentials *credentials, const char *header)
{
	while (checks_rest)
		usleep(1000);
	return __real_credentials_check(credentials, header);
}
