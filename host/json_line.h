/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Objects as JSON lines: one a line, without spaces. */
#pragma once

#include <cjson/cJSON.h>
#include <stdio.h>

/* Takes the object over; NULL is one for which there was no memory. -ENOMEM. */
int json_line_write(FILE *out, cJSON *object);
