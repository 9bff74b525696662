/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * libvirt's running domains as an inventory: the calls that ask, and block while
 * libvirt does not answer. When they are made is host/inventory_libvirt.h.
 */
#pragma once

#include <libvirt/libvirt.h>

#include "host/inventory.h"
#include "shared/log.h"
#include "shared/uuid.h"

/*
 * All that run now. What libvirt cannot tell of one at the moment is taken from
 * known; a domain that ended meanwhile is left out, and so is one whose XML cannot
 * be read, with a log line within the limit. -EIO: libvirt does not answer (its
 * last error says why). -ENOMEM.
 */
int libvirt_domains_list(virConnectPtr connection, const struct inventory *known,
	struct log_limit *limit, struct inventory **ret_inventory);

/* Brings one domain of the inventory up to date: adds, changes or removes it. Errors
 * likewise. */
int libvirt_domains_update(virConnectPtr connection, const struct uuid *uuid,
	struct log_limit *limit, struct inventory *inventory);
