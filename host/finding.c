/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The list of what vmpower doctor found, and its two ways to be shown. */
#include "config.h"

#include "host/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/text.h"
#include "shared/array.h"

static const char *const severity_names[FINDING_SEVERITIES] = {
	[FINDING_ERROR] = "error",
	[FINDING_WARNING] = "warning",
	[FINDING_INFO] = "info",
	[FINDING_OK] = "ok",
};

void findings_deinit(struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		free(findings->items[i].domain);
		free(findings->items[i].seen);
		free(findings->items[i].cause);
		free(findings->items[i].cure);
	}
	free(findings->items);
	*findings = (struct findings){ 0 };
}

static void __attribute__((__format__(printf, 3, 0)))
set_text(struct findings *findings, char **text, const char *format, va_list args)
{
	if (vasprintf(text, format, args) >= 0)
		return;
	*text = NULL;
	findings->out_of_memory = true;
}

struct finding *findings_add(struct findings *findings, enum finding_severity severity,
	const char *check, const char *domain, const char *seen, ...)
{
	struct finding *finding;
	va_list args;

	if (array_resize(&findings->items, findings->n + 1) < 0) {
		findings->out_of_memory = true;
		return NULL;
	}
	finding = &findings->items[findings->n++];
	*finding = (struct finding){ .severity = severity, .check = check };
	if (domain) {
		finding->domain = strdup(domain);
		if (!finding->domain)
			findings->out_of_memory = true;
	}
	va_start(args, seen);
	set_text(findings, &finding->seen, seen, args);
	va_end(args);
	return finding;
}

void finding_cause(
	struct findings *findings, struct finding *finding, const char *cause, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, cause);
	set_text(findings, &finding->cause, cause, args);
	va_end(args);
}

void finding_command(
	struct findings *findings, struct finding *finding, const char *cure, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, cure);
	set_text(findings, &finding->cure, cure, args);
	va_end(args);
	finding->cure_is_command = true;
}

void finding_advice(
	struct findings *findings, struct finding *finding, const char *cure, ...)
{
	va_list args;

	if (!finding)
		return;
	va_start(args, cure);
	set_text(findings, &finding->cure, cure, args);
	va_end(args);
}

void findings_sort(struct findings *findings)
{
	/* By insertion: stable, and there are few. */
	for (size_t i = 1; i < findings->n; i++) {
		struct finding finding = findings->items[i];
		size_t at = i;

		for (; at > 0 && findings->items[at - 1].severity > finding.severity;
			at--)
			findings->items[at] = findings->items[at - 1];
		findings->items[at] = finding;
	}
}

size_t findings_count(const struct findings *findings, enum finding_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < findings->n; i++)
		n += findings->items[i].severity == severity;
	return n;
}

static void print_line(FILE *out, const char *label, const char *text)
{
	if (!text)
		return;
	fprintf(out, "  %-6s ", label);
	text_print(out, text);
	fputc('\n', out);
}

static void print_finding(FILE *out, const struct finding *finding)
{
	fprintf(out, "%s: ", severity_names[finding->severity]);
	if (finding->domain) {
		fputs("domain ", out);
		text_print(out, finding->domain);
		fputs(": ", out);
	}
	text_print(out, finding->seen ? finding->seen : finding->check);
	fprintf(out, " [%s]\n", finding->check);
	print_line(out, "cause:", finding->cause);
	print_line(out, finding->cure_is_command ? "run:" : "cure:", finding->cure);
}

void findings_print(FILE *out, const struct findings *findings)
{
	size_t errors = findings_count(findings, FINDING_ERROR);
	size_t warnings = findings_count(findings, FINDING_WARNING);

	for (size_t i = 0; i < findings->n; i++)
		print_finding(out, &findings->items[i]);
	fprintf(out, "%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s",
		warnings, warnings == 1 ? "" : "s");
}

static cJSON *text_or_null(const char *text)
{
	return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static bool put(cJSON *object, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObject(object, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static cJSON *finding_json(const struct finding *finding)
{
	cJSON *object = cJSON_CreateObject();

	if (put(object, "severity",
		    cJSON_CreateString(severity_names[finding->severity])) &&
		put(object, "check", cJSON_CreateString(finding->check)) &&
		put(object, "domain", text_or_null(finding->domain)) &&
		put(object, "seen", text_or_null(finding->seen)) &&
		put(object, "cause", text_or_null(finding->cause)) &&
		put(object, "cure", text_or_null(finding->cure)) &&
		put(object, "cure_is_command",
			cJSON_CreateBool(finding->cure_is_command)))
		return object;
	cJSON_Delete(object);
	return NULL;
}

cJSON *findings_json(const struct findings *findings)
{
	cJSON *document = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(document, "findings");
	bool ok = array != NULL;

	for (size_t i = 0; ok && i < findings->n; i++) {
		cJSON *object = finding_json(&findings->items[i]);

		ok = object && cJSON_AddItemToArray(array, object);
		if (!ok)
			cJSON_Delete(object);
	}
	if (ok &&
		put(document, "errors",
			cJSON_CreateNumber(
				(double)findings_count(findings, FINDING_ERROR))) &&
		put(document, "warnings",
			cJSON_CreateNumber(
				(double)findings_count(findings, FINDING_WARNING))))
		return document;
	cJSON_Delete(document);
	return NULL;
}
