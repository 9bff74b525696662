/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Lines of a merge. */
#include "host/merge_print.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "host/export_time.h"
#include "host/json_line.h"
#include "host/text.h"
#include "shared/clock.h"
#include "shared/number.h"

#define NAME_WIDTH   20u
#define SECONDS_SIZE 32

static void format_seconds(uint64_t ns, char text[SECONDS_SIZE])
{
	snprintf(text, SECONDS_SIZE, "%" PRIu64 ".%09" PRIu64, ns / NSEC_PER_SEC,
		ns % NSEC_PER_SEC);
}

void merge_print_head(FILE *out)
{
	fprintf(out, "%-36s  %-20s  %-16s  %-12s  %20s  %12s  %12s  %12s\n", "UUID",
		"NAME", "ZONE", "KIND", "ENERGY_UJ", "MEASURED_S", "ESTIMATED_S",
		"DEGRADED_S");
}

static int print_sum_json(FILE *out, const struct merge_sum *sum)
{
	static const char *const names[] = { "measured_s", "estimated_s", "degraded_s" };
	cJSON *object = cJSON_CreateObject();
	char energy_uj[NUMBER_U64_SIZE], seconds[SECONDS_SIZE];

	if (!object)
		return -ENOMEM;
	number_format_u64(energy_uj, sum->energy_uj);
	cJSON_AddStringToObject(object, "type", "sum");
	cJSON_AddStringToObject(object, "uuid", sum->uuid);
	cJSON_AddStringToObject(object, "name", sum->name);
	cJSON_AddStringToObject(object, "labels", sum->labels);
	cJSON_AddStringToObject(object, "zone", sum->zone);
	cJSON_AddStringToObject(object, "kind", sum->kind);
	cJSON_AddStringToObject(object, "energy_uj", energy_uj);
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++) {
		format_seconds(sum->quality_ns[i], seconds);
		cJSON_AddStringToObject(object, names[i], seconds);
	}
	return json_line_write(out, object);
}

int merge_print_sum(FILE *out, const struct merge_sum *sum, bool json)
{
	if (json)
		return print_sum_json(out, sum);
	fprintf(out, "%-36s  ", sum->uuid);
	text_print_padded(out, sum->name[0] ? sum->name : "-", NAME_WIDTH);
	fputs("  ", out);
	text_print_padded(out, sum->zone, 16);
	fprintf(out, "  %-12s  %20" PRIu64, sum->kind, sum->energy_uj);
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++)
		fprintf(out, "  %12.3f", (double)sum->quality_ns[i] / NSEC_PER_SEC);
	fputc('\n', out);
	return 0;
}

static int print_finding_json(FILE *out, const struct merge_finding *finding)
{
	cJSON *object = cJSON_CreateObject();
	char since[EXPORT_TIME_SIZE], until[EXPORT_TIME_SIZE], seconds[SECONDS_SIZE];
	cJSON *hosts;

	if (!object)
		return -ENOMEM;
	if (finding->since_s)
		export_time_format(finding->since_s, since);
	export_time_format(finding->until_s, until);
	format_seconds(finding->ns, seconds);
	cJSON_AddStringToObject(object, "type", finding->is_overlap ? "overlap" : "gap");
	cJSON_AddStringToObject(object, "uuid", finding->uuid);
	if (finding->since_s)
		cJSON_AddStringToObject(object, "since", since);
	else
		cJSON_AddNullToObject(object, "since");
	cJSON_AddStringToObject(object, "until", until);
	cJSON_AddStringToObject(object, "seconds", seconds);
	hosts = cJSON_AddArrayToObject(object, "hosts");
	for (size_t i = 0; i < 2 && finding->hosts[i][0]; i++) {
		if (i == 0 || finding->is_overlap ||
			strcmp(finding->hosts[0], finding->hosts[1]) != 0)
			cJSON_AddItemToArray(
				hosts, cJSON_CreateString(finding->hosts[i]));
	}
	return json_line_write(out, object);
}

int merge_print_finding(FILE *out, const struct merge_finding *finding, bool json)
{
	char since[EXPORT_TIME_SIZE] = "-", until[EXPORT_TIME_SIZE];

	if (json)
		return print_finding_json(out, finding);
	if (finding->since_s)
		export_time_format(finding->since_s, since);
	export_time_format(finding->until_s, until);
	fprintf(out, "%-7s  %s  %s .. %s  %.3f s %s",
		finding->is_overlap ? "overlap" : "gap", finding->uuid, since, until,
		(double)finding->ns / NSEC_PER_SEC,
		finding->is_overlap ? "counted twice, by " : "on no host's records");
	if (finding->is_overlap) {
		text_print(out, finding->hosts[0]);
		fputs(" and ", out);
		text_print(out, finding->hosts[1]);
	}
	fputc('\n', out);
	return 0;
}
