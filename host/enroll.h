/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * vmpower enroll: gives a domain its channel, or takes it away. It changes nothing
 * else; libvirt itself adds a virtio-serial controller to a persistent definition
 * that has none, and leaves it there.
 */
#pragma once

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Over a read-write connection to connect, for the domain of that name or UUID;
 * says what it did on out, and what went wrong on stderr. Returns 0 or 1.
 */
int enroll_run(FILE *out, const char *connect, const char *domain, bool undo_it);

/* The parts of which it is made, for many domains. */

/* NULL, and why on stderr. The caller closes it. */
virConnectPtr enroll_connect(const char *uri);

/* 0 or -errno, with what was done on out and what went wrong on stderr. */
int enroll_domain(FILE *out, virDomainPtr domain, const char *name, bool undo_it);

/* Plugs the channel into the running domain. -EIO: libvirt's last error says why. */
int enroll_plug(virDomainPtr domain);

/* A line that names the domain. */
void enroll_say(FILE *out, const char *name, const char *text);
