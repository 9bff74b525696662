/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Percent-encoding (RFC 3986, 2.1) of any text. Pure. */
#pragma once

#include "host/json_text.h"

/*
 * Letters, digits and "-._~" as they are, every other byte as %XX: no other character is
 * the same to all that take it for something.
 */
void percent_put(struct json_text *out, const char *string);
