/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Paths to documents. */
#include "host/http_path.h"

#include <stddef.h>

enum http_path http_path_parse(const char *path, struct uuid *ret_uuid)
{
	static const struct {
		const char *path;
		enum http_path is;
	} paths[] = {
		{ "/metrics", HTTP_PATH_METRICS },
		{ "/api/v1/host", HTTP_PATH_HOST },
		{ "/api/v1/domains", HTTP_PATH_DOMAINS },
		{ "/healthz", HTTP_PATH_HEALTH },
		{ "/api/v1/tick", HTTP_PATH_TICK },
	};
	static const char domain[] = "/api/v1/domains/";

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(path, paths[i].path) == 0)
			return paths[i].is;
	}
	if (strncmp(path, domain, sizeof(domain) - 1) == 0 &&
		uuid_parse(path + sizeof(domain) - 1, ret_uuid) == 0)
		return HTTP_PATH_DOMAIN;
	return HTTP_PATH_UNKNOWN;
}
