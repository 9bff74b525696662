/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * CPU time of real processes, whose threads come and go: nothing is lost, nothing
 * counts twice. And of a copy of /proc, file by file.
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

#include "host/process.h"
#include "shared/rooted.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/scratch.h"

#define UUID "aaaaaaaa-0000-4000-8000-00000000000a"
#define MS   1000000u

/* What may be missing: while a thread runs, its time stands still for a tick. */
#define SLACK_NS (12 * MS)

/* The real /proc with fds kept, with none left to keep, and as from elsewhere. */
static const struct process_config configs[] = {
	{ .procfs = "/proc", .keep_fds = true, .own_pids = true, .max_fd = 1000 },
	{ .procfs = "/proc", .keep_fds = true, .own_pids = true, .max_fd = 0 },
	{ .procfs = "/proc", .keep_fds = true, .own_pids = false, .max_fd = 1000 },
};

static const struct process_thread *find_kind(
	const struct process *process, enum sample_thread_kind kind)
{
	for (size_t i = 0; i < process->n_threads; i++) {
		if (process->threads[i].sample.kind == kind &&
			process->threads[i].sample.tid != process->pid)
			return &process->threads[i];
	}
	return NULL;
}

static void check_near(uint64_t value_ns, uint64_t expected_ns)
{
	assert_in_range(value_ns, expected_ns > SLACK_NS ? expected_ns - SLACK_NS : 0,
		expected_ns + SLACK_NS);
}

static void test_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		const struct process_thread *thread;
		struct process process;
		struct fake_qemu qemu;
		unsigned vcpu, io;
		uint64_t used_ns;

		fake_qemu_start(&qemu, UUID);
		vcpu = fake_qemu_start_thread(&qemu, "CPU 7/KVM");
		assert_int_equal(process_open(&configs[i], qemu.pid, &process), 0);
		assert_int_equal(process_read(&process), 0);
		assert_int_equal(process.n_threads, 2);
		thread = find_kind(&process, SAMPLE_THREAD_VCPU);
		assert_non_null(thread);
		assert_int_equal(thread->sample.index, 7);
		assert_int_equal(thread->schedstat_fd >= 0, configs[i].max_fd > 0);
		used_ns = fake_qemu_burn(&qemu, vcpu, 30);
		assert_int_equal(process_read(&process), 0);
		check_near(
			find_kind(&process, SAMPLE_THREAD_VCPU)->sample.cpu_ns, used_ns);

		/* A thread nobody announced is there as soon as it has run. */
		io = fake_qemu_start_thread(&qemu, "IO iothread3");
		used_ns = fake_qemu_burn(&qemu, io, 20);
		assert_int_equal(process_read(&process), 0);
		assert_int_equal(process.n_threads, 3);
		thread = find_kind(&process, SAMPLE_THREAD_IOTHREAD);
		assert_non_null(thread);
		assert_int_equal(thread->sample.index, 3);
		check_near(thread->sample.cpu_ns, used_ns);
		assert_in_range(process.exited_ns, 0, SLACK_NS);
		for (size_t j = 1; j < process.n_threads; j++)
			assert_true(process.threads[j - 1].sample.tid <
				    process.threads[j].sample.tid);
		process_close(&process);
		fake_qemu_kill(&qemu);
	}
}

/* Threads that come and end between two reads. */
static void test_exited(void **state)
{
	uint64_t used_ns = 0, before_ns = 0;
	struct process process;
	struct fake_qemu qemu;

	(void)state;
	fake_qemu_start(&qemu, UUID);
	assert_int_equal(process_open(&configs[0], qemu.pid, &process), 0);
	assert_int_equal(process_read(&process), 0);
	for (int i = 0; i < 5; i++) {
		used_ns += fake_qemu_burst(&qemu, 20);
		assert_int_equal(process_read(&process), 0);
		assert_int_equal(process.n_threads, 1);
		assert_true(process.exited_ns >= before_ns);
		check_near(process.exited_ns, used_ns);
		before_ns = process.exited_ns;
	}
	/* And nothing of the living ones is taken for theirs. */
	fake_qemu_burn(&qemu, 0, 50);
	assert_int_equal(process_read(&process), 0);
	check_near(process.exited_ns, used_ns);
	assert_int_equal(
		process.cpu_ns, process.exited_ns + process.threads[0].sample.cpu_ns);
	process_close(&process);
	fake_qemu_kill(&qemu);
}

/* How often this thread has read a file, as the kernel counts it. */
static uint64_t n_file_reads(void)
{
	char text[512], *found;
	ssize_t n = rooted_read("/proc/thread-self", text, sizeof(text), "io");

	assert_true(n > 0);
	found = strstr(text, "syscr: ");
	assert_non_null(found);
	return strtoull(found + strlen("syscr: "), NULL, 10);
}

/* How many reads it took. */
static uint64_t count_process_read(struct process *process)
{
	uint64_t before = n_file_reads(), after, own;

	assert_int_equal(process_read(process), 0);
	after = n_file_reads();
	own = n_file_reads() - after;
	return after - before - own;
}

/* Threads that sleep are not read, and found when they wake up. */
static void test_sleepers(void **state)
{
	struct process process;
	struct fake_qemu qemu;
	uint64_t sum_ns = 0;
	int tries = 0;

	(void)state;
	fake_qemu_start(&qemu, UUID);
	for (unsigned i = 0; i < 8; i++)
		fake_qemu_start_thread(&qemu, "CPU 0/KVM");
	assert_int_equal(process_open(&configs[0], qemu.pid, &process), 0);
	assert_int_equal(process_read(&process), 0);
	/* Once all of them have gone to sleep. */
	while (count_process_read(&process) > 0) {
		assert_true(tries++ < 1000);
		usleep(10000);
	}
	/*
	 * Two files of the thread that ran, and of the first one, which told it to.
	 * Others may still be on their way to sleep, for the first few times.
	 */
	for (unsigned thread = 1; thread <= 8; thread++) {
		uint64_t n;

		tries = 0;
		do {
			uint64_t used_ns = fake_qemu_burn(&qemu, thread, 2);

			n = count_process_read(&process);
			assert_in_range(n, 2, 18);
			check_near(process.threads[thread].sample.cpu_ns, used_ns);
			assert_true(tries++ < 1000);
		} while (n > 4);
	}
	assert_int_equal(process.n_threads, 9);
	for (size_t i = 0; i < process.n_threads; i++)
		sum_ns += process.threads[i].sample.cpu_ns;
	assert_int_equal(process.cpu_ns, sum_ns + process.exited_ns);
	process_close(&process);
	fake_qemu_kill(&qemu);
}

static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct process process, none;
		struct fake_qemu qemu;

		fake_qemu_start(&qemu, UUID);
		fake_qemu_start_thread(&qemu, "CPU 0/KVM");
		fake_qemu_burn(&qemu, 1, 5);
		assert_int_equal(process_open(&configs[i], qemu.pid, &process), 0);
		assert_int_equal(process_read(&process), 0);
		fake_qemu_kill(&qemu);
		assert_int_equal(process_read(&process), -ESRCH);
		assert_int_equal(process_read(&process), -ESRCH);
		assert_true(process.cpu_ns >= 5 * MS);
		process_close(&process);
		assert_int_equal(process_open(&configs[i], qemu.pid, &none), -ENOENT);
	}
}

#define STAT(comm, start, cpu)                                                           \
	"9 (" comm ") S 1 7 7 0 -1 64 1 2 3 4 5 6 7 8 20 0 8 0 " start                   \
	" 1 2 3 0 0 0 0 0 0 0 0 17 0 0 0 17 " cpu " 0 0\n"

static void write_thread(const struct scratch *scratch, unsigned tid, const char *stat,
	const char *schedstat)
{
	char path[64];

	snprintf(path, sizeof(path), "9/task/%u/stat", tid);
	scratch_write(scratch, path, stat);
	snprintf(path, sizeof(path), "9/task/%u/schedstat", tid);
	scratch_write(scratch, path, schedstat);
}

/* A copy of /proc: every file is opened anew, a tid may become another thread. */
static void test_copy(void **state)
{
	struct process_config config = { .max_fd = 1000 };
	struct process process;
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch);
	config.procfs = scratch.path;
	scratch_write(&scratch, "9/stat", STAT("qemu", "100", "0"));
	scratch_write(&scratch, "9/schedstat", "10 0 1\n");
	write_thread(&scratch, 9, STAT("qemu", "100", "0"), "10 0 1\n");
	write_thread(&scratch, 11, STAT("worker", "101", "1"), "20 0 1\n");
	assert_int_equal(process_open(&config, 9, &process), 0);
	assert_int_equal(process.start_ticks, 100);
	assert_int_equal(process_read(&process), 0);
	assert_int_equal(process.n_threads, 2);
	assert_int_equal(process.threads[1].sample.last_cpu, 1);

	/* It ran elsewhere and has its name now; the time before was read. */
	write_thread(&scratch, 11, STAT("CPU 2/TCG", "101", "3"), "25 0 2\n");
	assert_int_equal(process_read(&process), 0);
	assert_int_equal(process.threads[1].sample.kind, SAMPLE_THREAD_VCPU);
	assert_int_equal(process.threads[1].sample.index, 2);
	assert_int_equal(process.threads[1].sample.last_cpu, 3);
	assert_int_equal(process.threads[1].sample.cpu_ns, 25);

	/* Did not run: stat, which says otherwise, is not looked at. */
	write_thread(&scratch, 11, STAT("CPU 2/TCG", "101", "0"), "25 0 2\n");
	assert_int_equal(process_read(&process), 0);
	assert_int_equal(process.threads[1].sample.last_cpu, 3);

	/* The same tid, another thread: first the old one goes, then the new one comes.
	 */
	write_thread(&scratch, 11, STAT("other", "150", "0"), "3 0 1\n");
	assert_int_equal(process_read(&process), 0);
	assert_int_equal(process.n_threads, 1);
	assert_int_equal(process_read(&process), 0);
	assert_int_equal(process.n_threads, 2);
	assert_int_equal(process.threads[1].sample.start_ticks, 150);
	assert_int_equal(process.threads[1].sample.cpu_ns, 3);
	assert_false(process.blind);
	process_close(&process);
	scratch_deinit(&scratch);
}

/* Kernels that do not count, or do not say. */
static void test_blind(void **state)
{
	struct process_config config = { .max_fd = 1000 };
	struct process process;
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch);
	config.procfs = scratch.path;
	scratch_write(&scratch, "9/stat", STAT("qemu", "100", "0"));
	scratch_write(&scratch, "9/schedstat", "0 0 0\n");
	write_thread(&scratch, 9, STAT("qemu", "100", "2"), "0 0 0\n");
	write_thread(&scratch, 11, STAT("CPU 0/KVM", "101", "1"), "0 0 0\n");
	assert_int_equal(process_open(&config, 9, &process), 0);
	assert_int_equal(process_read(&process), 0);
	assert_true(process.blind);
	assert_int_equal(process.n_threads, 2);
	scratch_unlink(&scratch, "9/schedstat");
	scratch_unlink(&scratch, "9/task/9/schedstat");
	scratch_unlink(&scratch, "9/task/11/schedstat");
	write_thread(&scratch, 11, STAT("CPU 0/KVM", "101", "3"), "0 0 0\n");
	scratch_unlink(&scratch, "9/task/11/schedstat");
	assert_int_equal(process_read(&process), 0);
	assert_true(process.blind);
	assert_int_equal(process.n_threads, 2);
	assert_int_equal(process.threads[1].sample.last_cpu, 3);
	process_close(&process);
	scratch_deinit(&scratch);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_exited),
		cmocka_unit_test(test_sleepers),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_blind),
	};

	fake_qemu_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
