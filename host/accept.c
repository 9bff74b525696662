/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Reading Accept. */
#include "host/accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define BLANK "\t "

/* A piece of the header. */
struct span {
	const char *at;
	size_t len;
};

/* What can be served; versions that its readers may name. */
struct format {
	const char *type, *any_subtype;
	const char *versions[3];
};

/* How well a range fits a format; the best fit decides, not the first. */
enum fit {
	FIT_NONE,
	FIT_ANY,     /* star/star */
	FIT_TYPE,    /* text/star */
	FIT_FORMAT,  /* text/plain */
	FIT_VERSION, /* text/plain;version=0.0.4 */
};

static const struct format text = { "text/plain", "text/*", { "0.0.4" } };
static const struct format openmetrics = { "application/openmetrics-text",
	"application/*", { "1.0.0", "0.0.1" } };

static struct span trim(struct span span)
{
	while (span.len > 0 && strchr(BLANK, span.at[0])) {
		span.at++;
		span.len--;
	}
	while (span.len > 0 && strchr(BLANK, span.at[span.len - 1]))
		span.len--;
	return span;
}

/* Takes what comes before the separator off the front of *rest; quotes hide it. */
static bool next_piece(struct span *rest, char separator, struct span *ret_piece)
{
	bool quoted = false;
	size_t len = 0;

	if (!rest->at)
		return false;
	for (; len < rest->len; len++) {
		if (rest->at[len] == '"')
			quoted = !quoted;
		else if (quoted && rest->at[len] == '\\' && len + 1 < rest->len)
			len++;
		else if (!quoted && rest->at[len] == separator)
			break;
	}
	*ret_piece = trim((struct span){ rest->at, len });
	if (len == rest->len) {
		rest->at = NULL;
	} else {
		rest->at += len + 1;
		rest->len -= len + 1;
	}
	return true;
}

static bool span_is(struct span span, const char *name)
{
	return span.len == strlen(name) && strncasecmp(span.at, name, span.len) == 0;
}

/* The value of the parameter, if it has this name. */
static bool take_parameter(
	struct span parameter, const char *name, struct span *ret_value)
{
	const char *equals = memchr(parameter.at, '=', parameter.len);
	struct span value;

	if (!equals || !span_is(trim((struct span){
					parameter.at, (size_t)(equals - parameter.at) }),
			       name))
		return false;
	value = trim((struct span){
		equals + 1, parameter.len - (size_t)(equals + 1 - parameter.at) });
	if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"') {
		value.at++;
		value.len -= 2;
	}
	*ret_value = value;
	return true;
}

/* Thousandths of a weight, 0 to 1 with at most three digits; what is none is 0. */
static unsigned int parse_weight(struct span weight)
{
	unsigned int thousandths, unit = 100;

	if (weight.len == 0 || weight.len > 5 ||
		(weight.at[0] != '0' && weight.at[0] != '1'))
		return 0;
	thousandths = weight.at[0] == '1' ? 1000 : 0;
	if (weight.len == 1)
		return thousandths;
	if (weight.at[1] != '.')
		return 0;
	for (size_t i = 2; i < weight.len; i++, unit /= 10) {
		if (weight.at[i] < '0' || weight.at[i] > '9')
			return 0;
		thousandths += (unsigned int)(weight.at[i] - '0') * unit;
	}
	return thousandths > 1000 ? 0 : thousandths;
}

static enum fit fit_type(const struct format *format, struct span type)
{
	if (span_is(type, format->type))
		return FIT_FORMAT;
	if (span_is(type, format->any_subtype))
		return FIT_TYPE;
	return span_is(type, "*/*") ? FIT_ANY : FIT_NONE;
}

static bool has_version(const struct format *format, struct span version)
{
	for (size_t i = 0; format->versions[i]; i++) {
		if (span_is(version, format->versions[i]))
			return true;
	}
	return false;
}

/* One range, with its weight: how it fits. */
static enum fit fit_range(
	const struct format *format, struct span range, unsigned int *ret_weight)
{
	struct span parameter, value;
	enum fit fit;

	*ret_weight = 1000;
	if (!next_piece(&range, ';', &parameter))
		return FIT_NONE;
	fit = fit_type(format, parameter);
	while (fit != FIT_NONE && next_piece(&range, ';', &parameter)) {
		if (take_parameter(parameter, "q", &value)) {
			*ret_weight = parse_weight(value);
		} else if (fit >= FIT_FORMAT &&
			   take_parameter(parameter, "version", &value)) {
			fit = has_version(format, value) ? FIT_VERSION : FIT_NONE;
		}
	}
	return fit;
}

static unsigned int weigh(const struct format *format, const char *accept)
{
	struct span rest = { accept, strlen(accept) }, range;
	enum fit best = FIT_NONE;
	unsigned int weight = 0;

	while (next_piece(&rest, ',', &range)) {
		unsigned int its_weight;
		enum fit fit = fit_range(format, range, &its_weight);

		/* Of two versions that are served, the one that is wanted more. */
		if (fit > best ||
			(fit == best && fit != FIT_NONE && its_weight > weight)) {
			best = fit;
			weight = its_weight;
		}
	}
	return weight;
}

bool accept_prefers_openmetrics(const char *accept)
{
	return accept && weigh(&openmetrics, accept) > weigh(&text, accept);
}
