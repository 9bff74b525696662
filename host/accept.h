/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Which of the two formats of metrics a client would rather have, by its header
 * Accept (RFC 9110, 12.5.1): Prometheus text 0.0.4 or OpenMetrics 1.0.0. Pure.
 */
#pragma once

#include <stdbool.h>

/*
 * Whether OpenMetrics is wanted more than text. NULL, what is neither, what is equal
 * and what makes no sense: no, since every scraper reads text.
 */
bool accept_prefers_openmetrics(const char *accept);
