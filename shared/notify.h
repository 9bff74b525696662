/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Tells the service manager how the service fares: sd_notify(3)'s protocol, which
 * is one datagram to $NOTIFY_SOCKET, without linking libsystemd into an agent that
 * also runs where there is none.
 */
#pragma once

#include <stdint.h>

/*
 * Sends state, e.g. "READY=1". 0 also when nobody listens ($NOTIFY_SOCKET unset);
 * -errno when the socket is there but cannot be reached.
 */
int notify_send(const char *state);

/* Half of $WATCHDOG_USEC in ms: how often to send "WATCHDOG=1"; 0: not wanted. */
uint64_t notify_watchdog_ms(void);
