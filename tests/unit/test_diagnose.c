/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The doctor's judgement: from a healthy host, one thing is broken at a time; its
 * cause is to be named first, with the cure.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "host/diagnose.h"
#include "tests/unit/fake_snapshot.h"

static const struct facts_paths paths = {
	.sysfs = "/sys",
	.procfs = "/proc",
	.modules = "/lib/modules",
	.libvirt_run_dir = "/run/libvirt",
	.connect = "qemu:///system",
	.run_dir = RUNDIR,
	.config = "/srv/vmpower/hostd.conf",
	.systemd = "/run/systemd/system",
};

/* A host where all is well: domain web1 of the fake snapshot, its guest link up. */
static void make_healthy(struct facts *facts)
{
	struct facts_domain *domain;

	*facts = (struct facts){ .paths = &paths, .has_systemd = true };
	facts->powercap.has_class = true;
	facts->powercap.n_zones = 1;
	facts->powercap.zones[0].path = strdup(
		"/sys/class/powercap/intel-rapl:0/energy_uj");
	facts->powercap.module = FACTS_MODULE_LOADED;
	strcpy(facts->powercap.release, "6.1.0");
	facts->libvirt.socket = strdup("/run/libvirt/libvirt-sock-ro");
	facts->libvirt.n_domains = 1;
	facts->libvirt.domains = domain = calloc(1, sizeof(*domain));
	facts->hostd.n_daemons = 1;
	facts->hostd.daemons[0] = 77;
	facts->hostd.socket = strdup(RUNDIR "/hostd.sock");
	facts->hostd.server = (struct facts_process){ .pid = 77, .uid = 990, .gid = 991 };
	facts->hostd.server_command = strdup("vmpower-hostd --run-dir /r");
	facts->hostd.user = strdup("vmpower");
	facts->hostd.snapshot = fake_snapshot_new();
	facts->hostd.snapshot->zones[1].idle_uw = 2000000;
	domain->persistent = true;
	domain->live.uuid = facts->hostd.snapshot->domains[0].uuid;
	domain->live.name = strdup("web1");
	domain->live.n_vcpus = 4;
	domain->live.max_vcpus = 4;
	domain->live.vcpus_per_socket = 4;
	domain->live.has_virtio_serial = true;
	domain->live.has_channel = true;
	domain->live.channel.mode = DOMAIN_CHANNEL_BIND;
	domain->live.channel.path = strdup("/c/domain-3-web1/org.vmpower.0");
}

static struct snapshot_link *link_of(struct facts *facts)
{
	return &facts->hostd.snapshot->domains[0].link;
}

static void no_zones(struct facts *facts)
{
	facts->powercap.n_zones = 0;
	free(facts->powercap.zones[0].path);
}

static void no_module(struct facts *facts)
{
	no_zones(facts);
	facts->powercap.module = FACTS_MODULE_UNLOADED;
}

static void no_powercap(struct facts *facts)
{
	no_zones(facts);
	facts->powercap.has_class = false;
	facts->powercap.module = FACTS_MODULE_ABSENT;
}

static void no_powercap_but_estimate(struct facts *facts)
{
	no_powercap(facts);
	facts->hostd.snapshot->source = "estimate";
}

static void empty_energy(struct facts *facts)
{
	facts->powercap.zones[0].error = EINVAL;
}

static void failing_energy(struct facts *facts)
{
	facts->powercap.zones[0].error = EIO;
}

static void closed_energy(struct facts *facts)
{
	struct facts_access *access = &facts->powercap.zones[0].hostd;

	facts->has_systemd = false;
	access->error = EACCES;
	access->blocker = strdup("/sys/class/powercap/intel-rapl:0/energy_uj");
	access->mode = S_IFREG | 0400;
	/* What hostd makes of it. */
	facts->hostd.snapshot->source = "estimate";
}

static void closed_energy_with_unit(struct facts *facts)
{
	closed_energy(facts);
	facts->has_systemd = true;
}

static void excluded_zone(struct facts *facts)
{
	facts->hostd.snapshot->zones[1].state = TICK_ZONE_EXCLUDED;
	facts->hostd.snapshot->zones[1].problem = "impossible delta; update the kernel";
}

static void calibrated_too_high(struct facts *facts)
{
	facts->hostd.snapshot->zones[0].idle_origin = IDLE_POWER_CALIBRATED;
	facts->hostd.snapshot->zones[0].idle_uw = 45000000;
	facts->hostd.snapshot->calibration_file = "/a state/calibration.conf";
}

static void configured_too_high(struct facts *facts)
{
	facts->hostd.snapshot->zones[1].idle_origin = IDLE_POWER_CONFIGURED;
	facts->hostd.snapshot->zones[1].idle_uw = 4000000;
}

static void never_idle(struct facts *facts)
{
	facts->hostd.snapshot->zones[0].idle_uw = 0;
}

static void no_hostd(struct facts *facts)
{
	snapshot_unref(facts->hostd.snapshot);
	facts->hostd.snapshot = NULL;
	facts->hostd.server.pid = 0;
	facts->hostd.n_daemons = 0;
	facts->hostd.error = -ENOENT;
}

static void no_hostd_by_hand(struct facts *facts)
{
	no_hostd(facts);
	facts->has_systemd = false;
}

static void no_hostd_for_user(struct facts *facts)
{
	no_hostd(facts);
	facts->powercap.zones[0].error = EACCES;
}

static void hostd_elsewhere(struct facts *facts)
{
	no_hostd(facts);
	facts->hostd.n_daemons = 1;
}

static void hostd_starting(struct facts *facts)
{
	no_hostd(facts);
	facts->hostd.error = -EAGAIN;
	strcpy(facts->hostd.message, "nothing yet");
}

static void hostd_forbidden(struct facts *facts)
{
	no_hostd(facts);
	facts->hostd.error = -EACCES;
	strcpy(facts->hostd.message, "be root");
}

static void two_hostd(struct facts *facts)
{
	facts->hostd.n_daemons = 3;
	facts->hostd.daemons[0] = 76;
	facts->hostd.daemons[1] = 77;
	facts->hostd.daemons[2] = 78;
	/* What it leads to. */
	link_of(facts)->state = LINK_ABSENT;
}

static void libvirt_down(struct facts *facts)
{
	facts->libvirt.state = FACTS_LIBVIRT_DOWN;
	facts->libvirt.error = strdup("no such file");
	facts->hostd.snapshot->libvirt_connected = false;
}

static void virtqemud_down(struct facts *facts)
{
	libvirt_down(facts);
	facts->libvirt.modular = true;
}

static void libvirt_hangs(struct facts *facts)
{
	facts->libvirt.state = FACTS_LIBVIRT_HANGS;
	facts->has_systemd = false;
}

static void libvirt_refuses(struct facts *facts)
{
	facts->libvirt.state = FACTS_LIBVIRT_REFUSED;
	facts->libvirt.error = strdup("authentication failed");
}

static void libvirt_refuses_hostd(struct facts *facts)
{
	facts->hostd.snapshot->libvirt_connected = false;
	facts->hostd.snapshot->libvirt_error = "permission denied";
	facts->libvirt.access.error = EACCES;
	facts->libvirt.access.blocker = strdup("/run/libvirt/libvirt-sock-ro");
	facts->libvirt.access.mode = S_IFSOCK | 0700;
}

static void libvirt_asks_hostd_for_more(struct facts *facts)
{
	facts->hostd.snapshot->libvirt_connected = false;
}

static void libvirt_away(struct facts *facts)
{
	facts->hostd.snapshot->libvirt_connected = false;
	facts->hostd.server.uid = 0;
}

static void libvirt_fails(struct facts *facts)
{
	facts->libvirt.state = FACTS_LIBVIRT_OTHER;
	facts->libvirt.error = strdup("odd");
}

static void told_to_estimate(struct facts *facts)
{
	facts->hostd.snapshot->source = "estimate";
}

static void no_channel(struct facts *facts)
{
	struct domain_xml *live = &facts->libvirt.domains[0].live;

	live->has_channel = false;
	free(live->channel.path);
	live->channel.path = NULL;
	link_of(facts)->state = LINK_NO_CHANNEL;
}

static void no_channel_odd_name(struct facts *facts)
{
	no_channel(facts);
	free(facts->libvirt.domains[0].live.name);
	facts->libvirt.domains[0].live.name = strdup("-x\x1b");
}

static void no_controller(struct facts *facts)
{
	no_channel(facts);
	facts->libvirt.domains[0].live.has_virtio_serial = false;
}

static void no_controller_transient(struct facts *facts)
{
	no_controller(facts);
	facts->libvirt.domains[0].persistent = false;
}

static void channel_not_bound(struct facts *facts)
{
	facts->libvirt.domains[0].live.channel.mode = DOMAIN_CHANNEL_OTHER;
}

static void socket_closed(struct facts *facts)
{
	struct facts_access *access = &facts->libvirt.domains[0].socket;

	access->error = EACCES;
	access->blocker = strdup("/c/domain-3-web1");
	access->mode = S_IFDIR | 0750;
	access->gid = 64055;
	access->group = strdup("libvirt-qemu");
	link_of(facts)->state = LINK_UNREACHABLE;
	link_of(facts)->error = "Permission denied";
}

static void socket_full(struct facts *facts)
{
	link_of(facts)->state = LINK_UNREACHABLE;
	link_of(facts)->error = "Resource temporarily unavailable";
}

static void channel_held(struct facts *facts)
{
	facts->libvirt.domains[0].holder = 4242;
	strcpy(facts->libvirt.domains[0].holder_comm, "socat");
	link_of(facts)->state = LINK_WAITING;
}

static void no_agent(struct facts *facts)
{
	facts->libvirt.domains[0].live.channel.state = DOMAIN_CHANNEL_DISCONNECTED;
	link_of(facts)->state = LINK_ABSENT;
}

static void no_agent_asked(struct facts *facts)
{
	no_agent(facts);
	facts->domain = "web1";
}

static void old_agent(struct facts *facts)
{
	link_of(facts)->agent = "vmpower-guest/0.0.9";
}

static void older_protocol(struct facts *facts)
{
	link_of(facts)->state = LINK_TOO_OLD;
}

static void stalled_agent(struct facts *facts)
{
	link_of(facts)->state = LINK_STALE;
}

static void garbled_agent(struct facts *facts)
{
	link_of(facts)->state = LINK_BACKOFF;
}

static void many_sockets(struct facts *facts)
{
	facts->libvirt.domains[0].live.max_vcpus = 17;
	facts->libvirt.domains[0].live.vcpus_per_socket = 0;
}

static void no_such_domain(struct facts *facts)
{
	domain_xml_deinit(&facts->libvirt.domains[0].live);
	facts->libvirt.n_domains = 0;
	facts->domain = "web2";
}

static const struct {
	void (*break_it)(struct facts *facts);
	enum finding_severity severity;
	const char *check;
	bool is_command;
	const char *cure;  /* NULL: there is none */
	const char *cause; /* part of it; NULL: any or none */
} cases[] = {
	{ no_module, FINDING_ERROR, "module-not-loaded", true, "modprobe intel_rapl_msr",
		"not loaded" },
	{ no_powercap, FINDING_ERROR, "powercap-missing", true,
		"mkdir -p $(dirname /srv/vmpower/hostd.conf); touch /srv/vmpower/hostd.conf; "
		"sed -i '/^[[:blank:]]*source[[:blank:]]*=/d' /srv/vmpower/hostd.conf; "
		"{ echo 'source = estimate'; cat /srv/vmpower/hostd.conf; } "
		">/srv/vmpower/hostd.conf.new && mv /srv/vmpower/hostd.conf.new "
		"/srv/vmpower/hostd.conf; systemctl restart vmpower-hostd",
		"6.1.0 has no module" },
	{ no_powercap_but_estimate, FINDING_WARNING, "powercap-missing", false,
		"nothing, where an estimate will do; vmpower-hostd makes one", NULL },
	{ failing_energy, FINDING_ERROR, "energy-unreadable", true,
		"modprobe -r intel_rapl_msr; modprobe intel_rapl_msr", "dmesg" },
	{ empty_energy, FINDING_ERROR, "energy-unreadable", true,
		"modprobe -r intel_rapl_msr; modprobe intel_rapl_msr", NULL },
	{ closed_energy, FINDING_ERROR, "energy-unreadable", true,
		"chgrp 991 /sys/class/powercap/intel-rapl:0/energy_uj && "
		"chmod g+rX /sys/class/powercap/intel-rapl:0/energy_uj",
		"user 990" },
	{ closed_energy_with_unit, FINDING_ERROR, "energy-unreadable", true,
		"systemctl restart vmpower-hostd", "0400" },
	{ excluded_zone, FINDING_ERROR, "zone-excluded", false, NULL, NULL },
	{ calibrated_too_high, FINDING_WARNING, "idle-power-too-high", true,
		"vmpower calibrate --undo --state-dir '/a state'", "has changed since" },
	{ configured_too_high, FINDING_WARNING, "idle-power-too-high", false,
		"correct idle_w of [zone \"dram-0\"] in /srv/vmpower/hostd.conf",
		"too high" },
	{ never_idle, FINDING_INFO, "idle-power-unknown", false,
		"nothing, where the host is idle at times; else run vmpower calibrate once "
		"while it is, or set idle_w of the zones in /srv/vmpower/hostd.conf",
		"not idle for 10 s" },
	{ no_hostd, FINDING_ERROR, "hostd-not-running", true,
		"systemctl start vmpower-hostd", NULL },
	{ no_hostd_by_hand, FINDING_ERROR, "hostd-not-running", true,
		"setsid vmpower-hostd --config /srv/vmpower/hostd.conf "
		"</dev/null >/dev/null 2>&1 &",
		NULL },
	{ no_hostd_for_user, FINDING_ERROR, "hostd-not-running", true,
		"systemctl start vmpower-hostd", NULL },
	{ hostd_elsewhere, FINDING_ERROR, "hostd-elsewhere", false,
		"call vmpower with the --run-dir of that vmpower-hostd", NULL },
	{ hostd_starting, FINDING_INFO, "hostd-starting", true, "sleep 2", NULL },
	{ hostd_forbidden, FINDING_ERROR, "hostd-unreachable", false, NULL, NULL },
	{ two_hostd, FINDING_ERROR, "two-hostd", true, "kill 76 78", NULL },
	{ libvirt_down, FINDING_ERROR, "libvirt-unreachable", true,
		"systemctl start libvirtd", "libvirtd is not running" },
	{ virtqemud_down, FINDING_ERROR, "libvirt-unreachable", true,
		"systemctl start virtqemud", "virtqemud is not running" },
	{ libvirt_hangs, FINDING_ERROR, "libvirt-hangs", true,
		"kill -KILL $(pidof libvirtd); sleep 1; libvirtd -d", NULL },
	{ libvirt_refuses, FINDING_ERROR, "libvirt-refused", true,
		"sed -i '/^[[:blank:]]*auth_unix_ro[[:blank:]]*=/d' /etc/libvirt/libvirtd.conf; "
		"echo 'auth_unix_ro = \"none\"' >>/etc/libvirt/libvirtd.conf; "
		"systemctl restart libvirtd",
		"auth_unix_ro" },
	{ libvirt_refuses_hostd, FINDING_ERROR, "libvirt-refused", true,
		"chmod a+rw /run/libvirt/libvirt-sock-ro", "mode" },
	{ libvirt_asks_hostd_for_more, FINDING_ERROR, "libvirt-not-connected", true,
		"sed -i '/^[[:blank:]]*auth_unix_ro[[:blank:]]*=/d' /etc/libvirt/libvirtd.conf; "
		"echo 'auth_unix_ro = \"none\"' >>/etc/libvirt/libvirtd.conf; "
		"systemctl restart libvirtd",
		"user 990" },
	{ libvirt_away, FINDING_ERROR, "libvirt-not-connected", false,
		"wait, for it tries again; then see its log and its --connect", NULL },
	{ libvirt_fails, FINDING_ERROR, "libvirt-failed", false,
		"check --connect, and what libvirt logs", NULL },
	{ told_to_estimate, FINDING_WARNING, "source-estimate", true,
		"mkdir -p $(dirname /srv/vmpower/hostd.conf); touch /srv/vmpower/hostd.conf; "
		"sed -i '/^[[:blank:]]*source[[:blank:]]*=/d' /srv/vmpower/hostd.conf; "
		"{ echo 'source = auto'; cat /srv/vmpower/hostd.conf; } "
		">/srv/vmpower/hostd.conf.new && mv /srv/vmpower/hostd.conf.new "
		"/srv/vmpower/hostd.conf; systemctl restart vmpower-hostd",
		NULL },
	{ no_channel, FINDING_WARNING, "no-channel", true, "vmpower enroll web1", NULL },
	{ no_channel_odd_name, FINDING_WARNING, "no-channel", true,
		"vmpower enroll 11111111-2222-4333-8444-555555555555", NULL },
	{ no_controller, FINDING_WARNING, "no-virtio-serial", true,
		"vmpower enroll web1; virsh -c qemu:///system shutdown web1; "
		"until virsh -c qemu:///system domstate web1 | grep -q 'shut off'; "
		"do sleep 1; done; virsh -c qemu:///system start web1",
		NULL },
	{ no_controller_transient, FINDING_WARNING, "no-virtio-serial", false,
		"it is transient: add the channel to the XML it is created from, then create it "
		"anew",
		NULL },
	{ channel_not_bound, FINDING_WARNING, "channel-not-bound", true,
		"vmpower enroll web1 --undo && vmpower enroll web1", NULL },
	{ socket_closed, FINDING_WARNING, "socket-inaccessible", true,
		"usermod -aG libvirt-qemu vmpower; systemctl restart vmpower-hostd",
		"/c/domain-3-web1 (mode 0750, group libvirt-qemu)" },
	{ socket_full, FINDING_WARNING, "channel-unreachable", false,
		"vmpower-hostd tries again; see its log, and whether QEMU still runs",
		NULL },
	{ channel_held, FINDING_WARNING, "channel-in-use", true, "kill 4242", NULL },
	{ no_agent, FINDING_WARNING, "agent-absent", false,
		"in the guest, install vmpower-guest and run: "
		"systemctl enable --now vmpower-guest",
		"not running" },
	{ no_agent_asked, FINDING_ERROR, "agent-absent", false,
		"in the guest, install vmpower-guest and run: "
		"systemctl enable --now vmpower-guest",
		NULL },
	{ old_agent, FINDING_WARNING, "agent-too-old", false,
		"in the guest, upgrade vmpower-guest", NULL },
	{ older_protocol, FINDING_WARNING, "agent-too-old", false,
		"in the guest, upgrade vmpower-guest", NULL },
	{ stalled_agent, FINDING_WARNING, "agent-stalled", false,
		"in the guest, see: systemctl status vmpower-guest", NULL },
	{ garbled_agent, FINDING_WARNING, "agent-garbled", false,
		"in the guest, see what else opens the port org.vmpower.0", NULL },
	{ many_sockets, FINDING_WARNING, "many-sockets", false,
		"with virsh edit, give its <cpu> a <topology sockets='1' cores='17' "
		"threads='1'/>; then stop and start it",
		"no <topology>" },
	{ no_such_domain, FINDING_ERROR, "domain-not-running", false, NULL, NULL },
};

static void test_first_finding(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct findings findings = { 0 };
		const struct finding *first;
		struct facts facts;

		make_healthy(&facts);
		cases[i].break_it(&facts);
		diagnose(&facts, &findings);
		assert_false(findings.out_of_memory);
		assert_true(findings.n > 0);
		first = &findings.items[0];
		assert_string_equal(first->check, cases[i].check);
		assert_int_equal(first->severity, cases[i].severity);
		assert_int_equal(first->cure_is_command, cases[i].is_command);
		if (cases[i].cure)
			assert_string_equal(
				first->cure ? first->cure : "", cases[i].cure);
		else
			assert_null(first->cure);
		if (cases[i].cause &&
			(!first->cause || !strstr(first->cause, cases[i].cause)))
			fail_msg("%s: %s", first->check,
				first->cause ? first->cause : "none");
		findings_deinit(&findings);
		facts_deinit(&facts);
	}
}

static void test_healthy(void **state)
{
	static const char *const checks[] = { "powercap", "libvirt", "hostd",
		"idle-power", "guest" };
	struct findings findings = { 0 };
	struct facts facts;

	(void)state;
	make_healthy(&facts);
	diagnose(&facts, &findings);
	assert_int_equal(findings.n, 5);
	for (size_t i = 0; i < findings.n; i++) {
		assert_int_equal(findings.items[i].severity, FINDING_OK);
		assert_string_equal(findings.items[i].check, checks[i]);
	}
	assert_string_equal(findings.items[3].seen,
		"idle power: package-0 20.50 W (learned), dram-0 2.00 W (learned)");
	findings_deinit(&findings);
	facts_deinit(&facts);
}

/* The estimate follows from what is named before it. */
static void test_cause_before_effect(void **state)
{
	struct findings findings = { 0 };
	struct facts facts;

	(void)state;
	make_healthy(&facts);
	no_powercap_but_estimate(&facts);
	diagnose(&facts, &findings);
	assert_string_equal(findings.items[0].check, "powercap-missing");
	assert_string_equal(findings.items[1].check, "source-estimate");
	assert_int_equal(findings_count(&findings, FINDING_ERROR), 0);
	findings_deinit(&findings);
	facts_deinit(&facts);
}

static void test_paused_guests_may_be_silent(void **state)
{
	struct findings findings = { 0 };
	struct facts facts;

	(void)state;
	make_healthy(&facts);
	stalled_agent(&facts);
	facts.hostd.snapshot->domains[0].paused = true;
	diagnose(&facts, &findings);
	assert_string_equal(findings.items[0].check, "agent-stalled");
	assert_int_equal(findings.items[0].severity, FINDING_INFO);
	findings_deinit(&findings);
	facts_deinit(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_finding),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_cause_before_effect),
		cmocka_unit_test(test_paused_guests_may_be_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
