/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What a client over HTTP may say, and what may be in a file of the daemon's before. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/accept.h"
#include "host/credentials.h"
#include "host/host_header.h"
#include "host/http_path.h"
#include "host/listen_address.h"
#include "host/metrics_text.h"
#include "host/since_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_credentials(const char *text)
{
	/* Cheap to check: cost 4. */
	static const struct credentials_user user = { "u",
		"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" };
	struct credentials *credentials;

	(void)credentials_hash_is_valid(text);
	if (credentials_new(&user, 1, &credentials) < 0)
		return;
	assert(credentials_look_up(credentials, text) != CREDENTIALS_GOOD);
	credentials_free(credentials);
}

/* No label ends early, and none breaks the line. */
static void try_label(const char *text)
{
	const struct metrics_family family = { "g", METRICS_GAUGE, NULL, "" };
	struct metrics_text metrics;
	size_t quotes = 0;

	metrics_text_init(&metrics, false, (struct json_text){ 0 });
	metrics_sample(&metrics.sink, &family);
	metrics_label(&metrics.sink, "l", text);
	metrics_value_u64(&metrics.sink, 1);
	assert(memchr(metrics.out.data, '\n', metrics.out.used) ==
		metrics.out.data + metrics.out.used - 1);
	for (size_t i = 0; i < metrics.out.used; i++) {
		if (metrics.out.data[i] == '\\')
			i++;
		else
			quotes += metrics.out.data[i] == '"';
	}
	assert(quotes == 2);
	json_text_deinit(&metrics.out);
}

static void try_table(const uint8_t *data, size_t size)
{
	static const struct since_boot_origin origin = { { { 1 } }, { { 2 } } };
	struct since_boot table = { 0 };
	int r = since_boot_decode(&table, &origin, data, size);

	assert(r == 0 || r == -EBADMSG || r == -ESTALE);
	since_boot_deinit(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct listen_address address;
	struct uuid uuid;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)accept_prefers_openmetrics(text);
	(void)host_header_is_ours(text, "hv1.example.com", "a,b");
	(void)http_path_parse(text, &uuid);
	(void)listen_address_parse(text, &address);
	try_credentials(text);
	try_label(text);
	try_table(data, size);
	free(text);
	return 0;
}
