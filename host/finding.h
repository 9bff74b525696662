/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What vmpower doctor has to say: findings, each with what was seen, why, and
 * what to do. They keep the order in which they were added, which is the order of
 * cause and effect, within their severity. Pure.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum finding_severity {
	FINDING_ERROR,	 /* energy is not measured, or not attributed */
	FINDING_WARNING, /* works, but not as it could */
	FINDING_INFO,
	FINDING_OK,
};

#define FINDING_SEVERITIES 4

struct finding {
	enum finding_severity severity;
	const char *check; /* "powercap-missing": a literal, stable for scripts */
	char *domain;	   /* its name, untrusted; NULL: the host's */
	char *seen;
	char *cause; /* NULL: what was seen says it all */
	char *cure;  /* a command for sh(1), or a sentence if there is none; NULL: nothing
			to do */
	bool cure_is_command;
};

/* Zeroed: none. */
struct findings {
	size_t n;
	struct finding *items;
	bool out_of_memory; /* sticky: something is missing from the list */
};

void findings_deinit(struct findings *findings);

/* Adds one that says seen (a format). NULL: no memory, which is also noted. */
struct finding *findings_add(struct findings *findings, enum finding_severity severity,
	const char *check, const char *domain, const char *seen, ...)
	__attribute__((__format__(printf, 5, 6)));

/* These take what findings_add() returned, NULL included. */
void finding_cause(struct findings *findings, struct finding *finding, const char *cause,
	...) __attribute__((__format__(printf, 3, 4)));
/* A command to run as root, as it stands. */
void finding_command(struct findings *findings, struct finding *finding, const char *cure,
	...) __attribute__((__format__(printf, 3, 4)));
/* What to do where no command can do it. */
void finding_advice(struct findings *findings, struct finding *finding, const char *cure,
	...) __attribute__((__format__(printf, 3, 4)));

/* Worst first; equal ones keep their order. */
void findings_sort(struct findings *findings);

size_t findings_count(const struct findings *findings, enum finding_severity severity);

/* A paragraph each, and the count of errors and warnings. */
void findings_print(FILE *out, const struct findings *findings);

/* {"findings":[...],"errors":N,"warnings":N}, which the caller deletes. NULL: no memory.
 */
cJSON *findings_json(const struct findings *findings);
