/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What a request's path asks for. Pure. */
#pragma once

#include "shared/uuid.h"

enum http_path {
	HTTP_PATH_UNKNOWN,
	HTTP_PATH_METRICS, /* /metrics */
	HTTP_PATH_HOST,	   /* /api/v1/host */
	HTTP_PATH_DOMAINS, /* /api/v1/domains */
	HTTP_PATH_DOMAIN,  /* /api/v1/domains/{uuid} */
	HTTP_PATH_HEALTH,  /* /healthz */
	HTTP_PATH_TICK,	   /* /api/v1/tick */
};

/* Without the query. *ret_uuid is set for HTTP_PATH_DOMAIN. */
enum http_path http_path_parse(const char *path, struct uuid *ret_uuid);
