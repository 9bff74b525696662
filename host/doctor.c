/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower doctor. */
#include "host/doctor.h"

#include <errno.h>
#include <stdlib.h>

#include "host/diagnose.h"

static int print_json(FILE *out, const struct findings *findings)
{
	cJSON *document = findings_json(findings);
	char *text = document ? cJSON_Print(document) : NULL;

	cJSON_Delete(document);
	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	free(text);
	return 0;
}

int doctor_run(FILE *out, const struct facts_paths *paths, const char *domain, bool json)
{
	__attribute__((__cleanup__(findings_deinit))) struct findings findings = { 0 };
	__attribute__((__cleanup__(facts_deinit))) struct facts facts = { 0 };
	int r;

	r = facts_gather(&facts, paths, domain);
	if (r < 0)
		return r;
	diagnose(&facts, &findings);
	if (findings.out_of_memory)
		return -ENOMEM;
	if (json)
		r = print_json(out, &findings);
	else
		findings_print(out, &findings);
	if (r < 0)
		return r;
	return findings_count(&findings, FINDING_ERROR) > 0;
}
