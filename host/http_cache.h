/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What was written of a snapshot, for the next who asks for the same: one answer of
 * libmicrohttpd's for each document, shared by all connections that it goes out to.
 * One server thread's: no locks.
 */
#pragma once

#include <microhttpd.h>

#include "host/snapshot.h"

enum http_document {
	HTTP_DOCUMENT_METRICS,
	HTTP_DOCUMENT_OPENMETRICS,
	HTTP_DOCUMENT_HOST,
	HTTP_DOCUMENT_DOMAINS,
	HTTP_DOCUMENTS,
};

/* Zeroed: empty. Of two snapshots, the newest and the one everybody may see. */
struct http_cache {
	struct http_cached {
		struct snapshot *snapshot;     /* a reference */
		struct MHD_Response *response; /* likewise */
	} entries[2][HTTP_DOCUMENTS];
};

void http_cache_deinit(struct http_cache *cache);

/* The document of this snapshot, which the cache owns; NULL: not there. */
struct MHD_Response *http_cache_find(const struct http_cache *cache, bool coarse,
	enum http_document document, const struct snapshot *snapshot);

/* Takes over response, in place of an older snapshot's. */
void http_cache_put(struct http_cache *cache, bool coarse, enum http_document document,
	const struct snapshot *snapshot, struct MHD_Response *response);
