/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What /healthz says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/health.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"

#define NOW_NS (UINT64_C(1000) * NSEC_PER_SEC)

static const struct health_limits limits = { UINT64_C(10) * NSEC_PER_SEC,
	UINT64_C(1) * NSEC_PER_SEC };

static struct snapshot *healthy(void)
{
	struct snapshot *snapshot = fake_snapshot_new();

	snapshot->boottime_ns = NOW_NS - NSEC_PER_SEC;
	return snapshot;
}

/* Takes the snapshot over. part: of the only reason; NULL: there is none. */
static void assert_health(struct snapshot *snapshot, const char *part)
{
	bool ok;
	cJSON *document = health_document(snapshot, NOW_NS, &limits, &ok), *reasons;

	assert_non_null(document);
	reasons = cJSON_GetObjectItem(document, "reasons");
	assert_string_equal(cJSON_GetObjectItem(document, "status")->valuestring,
		part ? "failing" : "ok");
	assert_int_equal(ok, !part);
	assert_int_equal(cJSON_GetArraySize(reasons), part ? 1 : 0);
	if (part && !strstr(cJSON_GetArrayItem(reasons, 0)->valuestring, part))
		fail_msg("%s", cJSON_GetArrayItem(reasons, 0)->valuestring);
	cJSON_Delete(document);
	snapshot_unref(snapshot);
}

static void test_healthy(void **state)
{
	struct snapshot *snapshot = healthy();

	(void)state;
	/* What is informational may be gone, and a zone may just begin. */
	snapshot->zones[2].state = TICK_ZONE_EXCLUDED;
	snapshot->zones[0].state = TICK_ZONE_BASELINE;
	snapshot->late_ns = limits.late_ns;
	assert_health(snapshot, NULL);
	snapshot = healthy();
	snapshot->boottime_ns = NOW_NS + 1; /* read since */
	assert_health(snapshot, NULL);
}

static void test_reasons(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	assert_health(NULL, "starting");
	snapshot = healthy();
	snapshot->boottime_ns = NOW_NS - 11 * UINT64_C(1) * NSEC_PER_SEC;
	assert_health(snapshot, "ticks late: the last one was 11.0 s ago");
	snapshot = healthy();
	snapshot->late_ns = limits.late_ns + 500000000;
	assert_health(snapshot, "began 1.500 s after its time");
	snapshot = healthy();
	snapshot->zones[1].state = TICK_ZONE_EXCLUDED;
	snapshot->zones[1].problem = "no \"rights\"; be root";
	assert_health(snapshot, "zone dram-0 is left out: no \"rights\"; be root");
	snapshot = healthy();
	snapshot->zones[0].state = TICK_ZONE_EXCLUDED;
	assert_health(snapshot, "source lost: zone package-0");
	snapshot = healthy();
	snapshot->n_zones = 0;
	assert_health(snapshot, "source lost: there is no zone");
	snapshot = healthy();
	snapshot->libvirt_connected = false;
	snapshot->libvirt_error = "libvirt is away";
	assert_health(snapshot, "libvirt is away");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
