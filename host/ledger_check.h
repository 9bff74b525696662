/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Whether an update can be added to the book as it is. Pure. */
#pragma once

#include <stdbool.h>

#include "host/ledger_book.h"

/* Its parts are of one machine, the tick adds up, and the sample can be loaded again. */
bool ledger_check_update(const struct ledger_update *update);
