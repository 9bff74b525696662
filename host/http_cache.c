/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Answers to give again. */
#include "host/http_cache.h"

static void clear(struct http_cached *entry)
{
	snapshot_unref(entry->snapshot);
	if (entry->response)
		MHD_destroy_response(entry->response);
	*entry = (struct http_cached){ 0 };
}

void http_cache_deinit(struct http_cache *cache)
{
	for (size_t i = 0; i < 2; i++) {
		for (size_t d = 0; d < HTTP_DOCUMENTS; d++)
			clear(&cache->entries[i][d]);
	}
}

struct MHD_Response *http_cache_find(const struct http_cache *cache, bool coarse,
	enum http_document document, const struct snapshot *snapshot)
{
	const struct http_cached *entry = &cache->entries[coarse][document];

	/* It holds the snapshot: none other can have its address. */
	return entry->snapshot == snapshot ? entry->response : NULL;
}

void http_cache_put(struct http_cache *cache, bool coarse, enum http_document document,
	const struct snapshot *snapshot, struct MHD_Response *response)
{
	struct http_cached *entry = &cache->entries[coarse][document];

	clear(entry);
	entry->snapshot = snapshot_ref(snapshot);
	entry->response = response;
}
