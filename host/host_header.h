/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Whether a request's header Host names this machine. A page of somebody else's may
 * have a browser on this machine ask us under a name of that page's owner, who had it
 * resolve to our address (DNS rebinding), and could then read the answer; it cannot do
 * so under an address or one of our own names. Pure.
 */
#pragma once

#include <stdbool.h>

/*
 * Addresses, localhost and what is below it, hostname with or without its own domain,
 * and the names of a list with commas (NULL: none) are; with a port or without. Case
 * does not matter. hostname may be "".
 */
bool host_header_is_ours(const char *host, const char *hostname, const char *names);
