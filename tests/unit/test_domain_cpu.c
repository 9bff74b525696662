/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Domains and their processes: which process is a domain's QEMU, which others count,
 * and what is said when there is none. With real processes, and with a copy of /proc
 * where control groups and kernel threads are as the test says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/cpu_source.h"
#include "host/domain_cpu.h"
#include "shared/clock.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/scratch.h"

#define UUID_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define UUID_B "bbbbbbbb-0000-4000-8000-00000000000b"
#define MS     1000000u
#define SECOND 1000000000u

/* A source over a host in a scratch directory; procfs is there too or the real one. */
struct bed {
	struct scratch scratch;
	char procfs[128], libvirt_run[128];
	struct cpu_source *source;
	struct sample sample;
	uint64_t now_ns;
	struct inventory_domain domains[2];
	struct inventory inventory;
};

static void bed_init(struct bed *bed, bool real)
{
	memset(bed, 0, sizeof(*bed));
	scratch_init(&bed->scratch);
	snprintf(bed->procfs, sizeof(bed->procfs), "%s/proc", bed->scratch.path);
	snprintf(bed->libvirt_run, sizeof(bed->libvirt_run), "%s/run", bed->scratch.path);
	if (real)
		strcpy(bed->procfs, "/proc");
	bed->now_ns = clock_boottime_ns();
	uuid_parse(UUID_A, &bed->domains[0].uuid);
	uuid_parse(UUID_B, &bed->domains[1].uuid);
	for (size_t i = 0; i < 2; i++) {
		bed->domains[i].name = (char *)(i == 0 ? "a" : "b");
		bed->domains[i].n_vcpus = 2;
		bed->domains[i].max_vcpus = 6;
		bed->domains[i].vcpus_per_socket = 1;
		bed->domains[i].memory_kib = 4096;
	}
	bed->inventory.domains = bed->domains;
	bed->inventory.n_domains = 2;
}

static void bed_start(struct bed *bed)
{
	const struct cpu_source_config config = {
		.procfs = bed->procfs,
		.libvirt_run = bed->libvirt_run,
	};

	assert_int_equal(cpu_source_new(&config, &bed->source), 0);
	assert_int_equal(cpu_source_set_inventory(bed->source, &bed->inventory), 0);
}

static void bed_deinit(struct bed *bed)
{
	cpu_source_free(bed->source);
	sample_deinit(&bed->sample);
	scratch_deinit(&bed->scratch);
}

/* One tick, seconds later. */
static const struct sample *bed_read(struct bed *bed, uint64_t seconds)
{
	bed->now_ns += seconds * SECOND;
	bed->sample.boottime_ns = bed->now_ns;
	assert_int_equal(cpu_source_read(bed->source, &bed->sample), 0);
	return &bed->sample;
}

/* "tid:kind=cpu_ns " of all threads, domains begin with '|'. */
static const char *bed_text(struct bed *bed, uint64_t seconds)
{
	static const char kinds[] = { 'v', 'e', 'i', 'h' };
	const struct sample *sample = bed_read(bed, seconds);
	static char text[1024];
	char *at = text;

	*at = '\0';
	for (size_t i = 0; i < sample->n_domains; i++) {
		const struct sample_domain *domain = &sample->domains[i];

		at += sprintf(at, "|%d+%ju ", domain->pid, (uintmax_t)domain->exited_ns);
		for (size_t j = 0; j < domain->n_threads; j++) {
			const struct sample_thread *thread =
				&sample->threads[domain->first_thread + j];

			at += sprintf(at, "%d%c%ju ", thread->tid, kinds[thread->kind],
				(uintmax_t)thread->cpu_ns);
		}
	}
	return text;
}

static bool has_message(struct bed *bed, const char *what)
{
	char message[CPU_SOURCE_MESSAGE_SIZE];

	if (!cpu_source_next_message(bed->source, message))
		return false;
	print_message("%s\n", message);
	return strstr(message, what) != NULL;
}

static void write_pid_file(struct bed *bed, const char *name, pid_t pid)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "run/qemu/%s.pid", name);
	snprintf(text, sizeof(text), "%d", pid);
	scratch_write(&bed->scratch, path, text);
}

static void test_real(void **state)
{
	struct fake_qemu a, b;
	struct bed bed;
	uint64_t used_ns;

	(void)state;
	bed_init(&bed, true);
	fake_qemu_start(&a, UUID_A);
	fake_qemu_start(&b, UUID_B);
	fake_qemu_start_thread(&a, "CPU 0/KVM");
	fake_qemu_start_thread(&a, "CPU 1/KVM");
	write_pid_file(&bed, "a", a.pid);
	bed_start(&bed);
	bed_read(&bed, 1);
	assert_int_equal(bed.sample.n_domains, 1);
	assert_int_equal(bed.sample.domains[0].pid, a.pid);
	assert_int_equal(bed.sample.domains[0].n_threads, 3);
	assert_int_equal(bed.sample.domains[0].n_vcpus, 2);
	assert_int_equal(bed.sample.domains[0].max_vcpus, 6);
	assert_int_equal(bed.sample.domains[0].memory_kib, 4096);
	assert_true(bed.sample.domains[0].start_ticks > 0);

	/* b has no pid file; its channel's peer is as good. Somebody else's is not. */
	cpu_source_set_peer(bed.source, &bed.domains[1].uuid, a.pid);
	assert_int_equal(cpu_source_find_pid(bed.source, &bed.domains[1].uuid), 0);
	cpu_source_set_peer(bed.source, &bed.domains[1].uuid, getpid());
	assert_int_equal(cpu_source_find_pid(bed.source, &bed.domains[1].uuid), 0);
	cpu_source_set_peer(bed.source, &bed.domains[1].uuid, b.pid);
	assert_int_equal(cpu_source_find_pid(bed.source, &bed.domains[1].uuid), b.pid);
	used_ns = fake_qemu_burn(&b, 0, 20) + fake_qemu_burst(&b, 20);
	bed_read(&bed, 1);
	assert_int_equal(bed.sample.n_domains, 2);
	assert_int_equal(bed.sample.domains[1].pid, b.pid);
	assert_int_equal(bed.sample.domains[1].n_threads, 1);
	assert_in_range(
		bed.sample.domains[1].exited_ns +
			bed.sample.threads[bed.sample.domains[1].first_thread].cpu_ns,
		used_ns - 12 * MS, used_ns + 12 * MS);

	/* One ends: it just is not there any more. A new one of the same name is. */
	fake_qemu_kill(&a);
	bed_read(&bed, 1);
	assert_int_equal(bed.sample.n_domains, 1);
	assert_int_equal(bed.sample.domains[0].pid, b.pid);
	assert_false(has_message(&bed, ""));
	fake_qemu_start(&a, UUID_A);
	write_pid_file(&bed, "a", a.pid);
	bed_read(&bed, 1);
	assert_int_equal(bed.sample.n_domains, 2);
	assert_int_equal(bed.sample.domains[0].pid, a.pid);
	bed.inventory.n_domains = 1;
	assert_int_equal(cpu_source_set_inventory(bed.source, &bed.inventory), 0);
	bed_read(&bed, 1);
	assert_int_equal(bed.sample.n_domains, 1);
	fake_qemu_kill(&a);
	fake_qemu_kill(&b);
	bed_deinit(&bed);
}

/* A name is no path: the pid file is one of LIBVIRT_RUN/qemu, or none. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = { "", "../qemu/a", "x/../a", "/etc/a", ".",
		"..", "a\nb" };
	struct fake_qemu a;
	struct bed bed;

	(void)state;
	bed_init(&bed, true);
	fake_qemu_start(&a, UUID_A);
	write_pid_file(&bed, "a", a.pid);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bed.domains[0].name = (char *)names[i];
		bed_start(&bed);
		bed_read(&bed, 1);
		assert_int_equal(bed.sample.n_domains, 0);
		cpu_source_free(bed.source);
	}
	bed.domains[0].name = (char *)"a";
	bed_start(&bed);
	bed_read(&bed, 1);
	assert_int_equal(bed.sample.n_domains, 1);
	fake_qemu_kill(&a);
	bed_deinit(&bed);
}

static void test_messages(void **state)
{
	struct fake_qemu other;
	struct bed bed;

	(void)state;
	bed_init(&bed, true);
	bed.inventory.n_domains = 1;
	bed_start(&bed);
	for (int i = 0; i < 4; i++)
		bed_read(&bed, 2);
	assert_false(has_message(&bed, ""));
	bed_read(&bed, 2);
	assert_true(has_message(&bed, "no process"));
	bed_read(&bed, 2);
	assert_false(has_message(&bed, ""));
	fake_qemu_start(&other, UUID_B);
	write_pid_file(&bed, "a", other.pid);
	bed_read(&bed, 11);
	assert_true(has_message(&bed, "not its QEMU"));
	fake_qemu_kill(&other);
	fake_qemu_start(&other, UUID_A);
	write_pid_file(&bed, "a", other.pid);
	bed_read(&bed, 11);
	assert_true(has_message(&bed, "again"));
	assert_false(has_message(&bed, ""));
	fake_qemu_kill(&other);
	bed_deinit(&bed);
}

#define REST(flags, start)                                                               \
	" S 1 7 7 0 -1 " flags " 1 2 3 4 5 6 7 8 20 0 8 0 " start                        \
	" 1 2 3 0 0 0 0 0 0 0 0 17 0 0 0 17 0 0 0\n"

static void write_task(struct bed *bed, int pid, int tid, const char *comm,
	const char *schedstat, bool kernel_thread)
{
	char path[64], text[256];

	snprintf(text, sizeof(text), "%d (%s)%s", tid, comm,
		kernel_thread ? REST("2097216", "100") : REST("64", "100"));
	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, tid);
	scratch_write(&bed->scratch, path, text);
	snprintf(path, sizeof(path), "proc/%d/task/%d/schedstat", pid, tid);
	scratch_write(&bed->scratch, path, schedstat);
	if (pid != tid)
		return;
	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	scratch_write(&bed->scratch, path, text);
	snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
	scratch_write(&bed->scratch, path, schedstat);
	snprintf(path, sizeof(path), "proc/%d/comm", pid);
	snprintf(text, sizeof(text), "%s\n", comm);
	scratch_write(&bed->scratch, path, text);
}

/* A QEMU with pid and a vCPU thread pid + 1, of domain a (50) or b (60), in a group. */
static void write_qemu(struct bed *bed, int pid, const char *uuid, const char *group)
{
	char path[128], text[128];
	FILE *file;

	write_task(bed, pid, pid, "qemu-system-x86", "100 0 1\n", false);
	write_task(bed, pid, pid + 1, "CPU 0/KVM", "1000 0 1\n", false);
	snprintf(text, sizeof(text), "0::%s\n", group);
	snprintf(path, sizeof(path), "proc/%d/task/%d/cgroup", pid, pid);
	scratch_write(&bed->scratch, path, text);
	snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
	scratch_write(&bed->scratch, path, "");
	snprintf(path, sizeof(path), "%s/proc/%d/cmdline", bed->scratch.path, pid);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "qemu%c-uuid%c%s%c", 0, 0, uuid, 0);
	fclose(file);
	write_pid_file(bed, pid == 50 ? "a" : "b", pid);
}

static void write_group(struct bed *bed, const char *group, const char *pids)
{
	char path[128];

	snprintf(path, sizeof(path), "v2%s/cgroup.procs", group);
	scratch_write(&bed->scratch, path, pids);
}

static void setup_copy(struct bed *bed)
{
	char text[256];

	bed_init(bed, false);
	snprintf(text, sizeof(text), "1 0 0:1 / %s/v2 rw - cgroup2 cgroup2 rw\n",
		bed->scratch.path);
	scratch_write(&bed->scratch, "proc/41/mountinfo", text);
	scratch_link(&bed->scratch, "proc/self", "41");
	write_qemu(bed, 50, UUID_A, "/m/a");
	write_group(bed, "/m/a", "50\n");
	bed->inventory.n_domains = 1;
}

/* A recorded QEMU. Its control groups are not on this host. */
static void test_recorded(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, false);
	scratch_unpack(&bed.scratch, FIXTURES, "kvm-guest");
	write_pid_file(&bed, "a", 71);
	bed_start(&bed);
	assert_string_equal(bed_text(&bed, 1),
		"|71+0 71e56342476 73e5389084 74i84846 "
		"75i198427926 76v1713619487 77v8810354 78e102312 ");
	assert_int_equal(bed.sample.threads[5].index, 1);
	bed_deinit(&bed);
}

/* Helpers in the group count, from the first moment to after their end. */
static void test_helpers(void **state)
{
	struct bed bed;

	(void)state;
	setup_copy(&bed);
	write_task(&bed, 40, 40, "swtpm", "7 0 1\n", false);
	write_group(&bed, "/m/a", "50\n40\n");
	bed_start(&bed);
	assert_string_equal(bed_text(&bed, 1), "|50+0 40e7 50e100 51v1000 ");
	write_task(&bed, 40, 40, "swtpm", "9 0 1\n", false);
	assert_string_equal(bed_text(&bed, 1), "|50+0 40e9 50e100 51v1000 ");
	/* Left the group: its time stays, once. */
	write_group(&bed, "/m/a", "50\n");
	bed_text(&bed, 5);
	assert_string_equal(bed_text(&bed, 5), "|50+9 50e100 51v1000 ");
	write_task(&bed, 70, 70, "virtiofsd", "5 0 1\n", false);
	write_group(&bed, "/m/a", "70\n50\n");
	bed_text(&bed, 5);
	assert_string_equal(bed_text(&bed, 5), "|50+9 50e100 51v1000 70e5 ");
	bed_deinit(&bed);
}

/* Refreshes it so often; what it says then. */
static const char *text_after(struct bed *bed, unsigned refreshes)
{
	const char *text = "";

	for (unsigned i = 0; i < refreshes; i++)
		text = bed_text(bed, 5);
	return text;
}

/* A group that was found is not looked for at every refresh, but is still looked at. */
static void test_known_group(void **state)
{
	static const char alone[] = "|50+0 50e100 51v1000 ";
	static const char helped[] = "|50+0 40e7 50e100 51v1000 ";
	static const char left[] = "|50+7 50e100 51v1000 ";
	struct bed bed;

	(void)state;
	for (int i = 0; i < 3; i++) {
		unsigned refreshes = 1;

		setup_copy(&bed);
		write_task(&bed, 40, 40, "swtpm", "7 0 1\n", false);
		bed_start(&bed);
		assert_string_equal(
			text_after(&bed, DOMAIN_CPU_REFRESHES_FIRST + 1), alone);
		write_group(&bed, "/m/a", "50\n40\n");
		assert_string_equal(text_after(&bed, 1), helped);
		if (i == 0) {
			/* Nothing but its QEMU's path tells that it is another now. */
			write_qemu(&bed, 50, UUID_A, "/m/none");
			assert_string_equal(text_after(&bed, 1), helped);
			refreshes = DOMAIN_CPU_REFRESHES_PER_GROUP;
		} else if (i == 1) {
			write_group(&bed, "/m/a", "50\n40\n1\n");
		} else {
			write_qemu(&bed, 50, UUID_A, "/m/b");
			write_group(&bed, "/m/a", "40\n");
			write_group(&bed, "/m/b", "50\n");
		}
		assert_string_equal(text_after(&bed, refreshes), left);
		bed_deinit(&bed);
	}
}

/* An event looks at the processes of the domains that it changed, and of no others. */
static void test_unchanged(void **state)
{
	static const char before[] = "|50+0 50e100 51v1000 ";
	static const char after[] = "|50+0 40e7 50e100 51v1000 ";
	struct bed bed;

	(void)state;
	for (int i = 0; i < 4; i++) {
		setup_copy(&bed);
		bed_start(&bed);
		bed_text(&bed, 1);
		assert_string_equal(bed_text(&bed, 1), before);
		write_task(&bed, 40, 40, "swtpm", "7 0 1\n", false);
		write_group(&bed, "/m/a", "50\n40\n");
		bed.domains[0].paused = true;
		bed.domains[0].id += i == 1;
		bed.domains[0].n_vcpus += i == 2;
		if (i == 3)
			bed.domains[0].name = (char *)"renamed";
		assert_int_equal(cpu_source_set_inventory(bed.source, &bed.inventory), 0);
		assert_string_equal(bed_text(&bed, 1), i == 0 ? before : after);
		/* In its turn it is looked at anyway. */
		assert_string_equal(bed_text(&bed, 5), after);
		bed_deinit(&bed);
	}
}

/* Groups in which others are, too, are not the domain's: then only QEMU counts. */
static void test_shared_groups(void **state)
{
	static const struct {
		const char *group, *pids;
		bool own;
	} cases[] = {
		{ "/m/a", "50\n40\n", true },
		{ "/m/a", "50\n40\n60\n", false }, /* another domain's QEMU */
		{ "/m/a", "50\n40\n1\n", false },
		{ "/m/a", "50\n40\n0\n", false },  /* of another pid namespace */
		{ "/m/a", "50\n40\n41\n", false }, /* this daemon */
		{ "/m/a", "50\n40\n42\n", false }, /* libvirtd */
		{ "/m/a", "40\n", false },	   /* QEMU is not in it */
		{ "/", "50\n40\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed bed;

		setup_copy(&bed);
		bed.inventory.n_domains = 2;
		write_qemu(&bed, 50, UUID_A, cases[i].group);
		write_group(&bed, strcmp(cases[i].group, "/") == 0 ? "" : cases[i].group,
			cases[i].pids);
		write_qemu(&bed, 60, UUID_B, "/m/b");
		write_group(&bed, "/m/b", "60\n");
		write_task(&bed, 40, 40, "swtpm", "7 0 1\n", false);
		write_task(&bed, 41, 41, "vmpower-hostd", "7 0 1\n", false);
		write_task(&bed, 42, 42, "libvirtd", "7 0 1\n", false);
		bed_start(&bed);
		assert_string_equal(bed_text(&bed, 1),
			cases[i].own ? "|50+0 40e7 50e100 51v1000 |60+0 60e100 61v1000 "
				     : "|50+0 50e100 51v1000 |60+0 60e100 61v1000 ");
		bed_deinit(&bed);
	}
}

/* libvirt on a host with both: v2 has all of libvirtd's, v1 the domain's own groups. */
static void test_hybrid(void **state)
{
	char text[512];
	struct bed bed;

	(void)state;
	setup_copy(&bed);
	snprintf(text, sizeof(text),
		"1 0 0:1 / %s/v2 rw - cgroup2 cgroup2 rw\n"
		"2 0 0:2 / %s/v1 rw - cgroup cgroup rw,cpuacct\n",
		bed.scratch.path, bed.scratch.path);
	scratch_write(&bed.scratch, "proc/41/mountinfo", text);
	scratch_write(&bed.scratch, "proc/50/task/50/cgroup",
		"5:cpuacct:/m/a/emulator\n0::/libvirtd\n");
	scratch_write(&bed.scratch, "proc/50/task/51/cgroup",
		"5:cpuacct:/m/a/vcpu0\n0::/libvirtd\n");
	write_group(&bed, "/libvirtd", "42\n43\n50\n");
	scratch_write(&bed.scratch, "v1/m/a/cgroup.procs", "40\n");
	scratch_write(&bed.scratch, "v1/m/a/emulator/cgroup.procs", "50\n");
	write_task(&bed, 40, 40, "swtpm", "7 0 1\n", false);
	write_task(&bed, 42, 42, "libvirtd", "7 0 1\n", false);
	write_task(&bed, 43, 43, "dnsmasq", "7 0 1\n", false);
	bed_start(&bed);
	assert_string_equal(bed_text(&bed, 1), "|50+0 40e7 50e100 51v1000 ");
	bed_deinit(&bed);
}

/* Kernel threads that name the QEMU; a process that only calls itself so is none. */
static void test_kthreads(void **state)
{
	struct bed bed;

	(void)state;
	setup_copy(&bed);
	write_task(&bed, 80, 80, "vhost-50", "3 0 1\n", true);
	write_task(&bed, 81, 81, "kvm-pit/50", "4 0 1\n", true);
	write_task(&bed, 82, 82, "vhost-50", "9999 0 1\n", false);
	write_task(&bed, 83, 83, "vhost-51", "5 0 1\n", true);
	/* So many that they are looked through in several ticks, but for the first. */
	for (int pid = 1000; pid < 1300; pid++)
		write_task(&bed, pid, pid, "other", "1 0 1\n", false);
	bed_start(&bed);
	assert_string_equal(bed_text(&bed, 1), "|50+0 50e100 51v1000 80h3 81h4 ");
	/* In the group as well: it counts once. And it survives a look at the group. */
	write_group(&bed, "/m/a", "50\n80\n");
	bed_text(&bed, 6);
	assert_string_equal(bed_text(&bed, 6), "|50+0 50e100 51v1000 80h3 81h4 ");
	bed_deinit(&bed);
}

/* Those of a QEMU that comes later are found within a few ticks. */
static void test_late_kthread(void **state)
{
	struct bed bed;

	(void)state;
	setup_copy(&bed);
	bed_start(&bed);
	bed_text(&bed, 1);
	write_task(&bed, 80, 80, "vhost-50", "3 0 1\n", true);
	assert_string_equal(bed_text(&bed, 1), "|50+0 50e100 51v1000 ");
	/* Nothing announces it. */
	bed_text(&bed, 61);
	assert_string_equal(bed_text(&bed, 1), "|50+0 50e100 51v1000 80h3 ");
	bed_deinit(&bed);
}

/* A kernel that counts no thread's time: the group's stands for all of it. */
static void test_blind(void **state)
{
	struct bed bed;

	(void)state;
	setup_copy(&bed);
	write_task(&bed, 50, 50, "qemu-system-x86", "0 0 0\n", false);
	write_task(&bed, 50, 51, "CPU 0/KVM", "0 0 0\n", false);
	scratch_write(&bed.scratch, "v2/m/a/cpu.stat", "usage_usec 5\n");
	bed_start(&bed);
	assert_string_equal(bed_text(&bed, 1), "|50+0 50e5000 51v0 ");
	scratch_write(&bed.scratch, "v2/m/a/cpu.stat", "usage_usec 6\n");
	assert_string_equal(bed_text(&bed, 1), "|50+0 50e6000 51v0 ");
	scratch_unlink(&bed.scratch, "v2/m/a/cpu.stat");
	assert_string_equal(bed_text(&bed, 1), "|50+0 50e6000 51v0 ");
	bed_deinit(&bed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_known_group),
		cmocka_unit_test(test_unchanged),
		cmocka_unit_test(test_shared_groups),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_kthreads),
		cmocka_unit_test(test_late_kthread),
		cmocka_unit_test(test_blind),
	};

	fake_qemu_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
