/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The inventory as libvirt tells it: the running qemu/kvm domains behind one
 * read-only connection, kept up to date by lifecycle and device events, by a look
 * at everything every 30 s (plugged vCPUs raise no event), and across restarts of
 * libvirtd. It measures nothing: libvirt is never asked on the sampling path.
 */
#pragma once

#include "host/inventory.h"

/*
 * One source at a time in a process, for libvirt has one event loop. When libvirt
 * hangs, close() leaves its thread, and what that uses, behind: only the end of
 * the process is to follow then.
 */
extern const struct inventory_ops inventory_libvirt_ops;
