/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower enroll --all. */
#include "host/enroll_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/enroll.h"
#include "host/virt.h"

struct tally {
	size_t n_enrolled, n_failed;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(virDomainGetName(*(const virDomainPtr *)a),
		virDomainGetName(*(const virDomainPtr *)b));
}

static void enroll_one(FILE *out, virDomainPtr domain, const struct selection *selection,
	bool undo_it, struct tally *tally)
{
	cleanup_domain_xml struct domain_xml xml = { 0 };
	const char *name = virDomainGetName(domain);
	int r = virt_read_domain(domain, 0, &xml);

	/* One that went meanwhile is none any more. */
	if (r == -ENOENT && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return;
	if (r < 0) {
		virt_complain(name, "cannot read its XML", virt_read_error(r));
		tally->n_failed++;
		return;
	}
	if (!selection_has(selection, name, xml.labels))
		return;
	if (enroll_domain(out, domain, name, undo_it) == 0)
		tally->n_enrolled++;
	else
		tally->n_failed++;
}

int enroll_all_run(
	FILE *out, const char *connect, const struct selection *selection, bool undo_it)
{
	cleanup_virt_connect virConnectPtr connection = enroll_connect(connect);
	struct tally tally = { 0 };
	virDomainPtr *domains = NULL;
	int n = connection ? virConnectListAllDomains(connection, &domains, 0) : -1;

	if (!connection)
		return 1;
	if (n < 0) {
		virt_complain(connect, "cannot list the domains", virt_error());
		return 1;
	}
	qsort(domains, (size_t)n, sizeof(*domains), compare_names);
	for (int i = 0; i < n; i++) {
		enroll_one(out, domains[i], selection, undo_it, &tally);
		virDomainFree(domains[i]);
	}
	free(domains);
	fprintf(out, "%zu of %d domains %s", tally.n_enrolled, n,
		undo_it ? "have no channel now" : "are enrolled");
	if (tally.n_failed)
		fprintf(out, ", %zu could not be", tally.n_failed);
	fputc('\n', out);
	return tally.n_failed > 0;
}
