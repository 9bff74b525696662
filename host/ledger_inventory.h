/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The domains that ran when the ledger was written last, as an inventory: what there
 * is to go by after a restart until libvirt tells. Pure.
 */
#pragma once

#include "host/inventory.h"
#include "host/ledger.h"

/*
 * Those of the last sample of this boot: each without id, channel and memory, and the
 * inventory not connected. The caller owns it. -ENOMEM.
 */
int ledger_inventory(const struct ledger *ledger, struct inventory **ret_inventory);
