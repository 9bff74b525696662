/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The account book: what it adds up, and that nothing short of the disk's end loses it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/ledger_file.h"
#include "host/ledger_guard.h"
#include "tests/unit/child.h"
#include "tests/unit/world.h"

static const struct uuid boot = { { 0xb0 } };
static const struct uuid other_boot = { { 0xb1 } };

struct fixture {
	char dir[64];
	char message[LEDGER_MESSAGE_SIZE];
	struct world world;
	struct ledger *ledger;
};

static int open_ledger(struct fixture *fixture, const struct uuid *boot_id)
{
	return ledger_open(fixture->dir, boot_id, fixture->message, &fixture->ledger);
}

static void close_ledger(struct fixture *fixture)
{
	ledger_close(fixture->ledger);
	fixture->ledger = NULL;
}

static void reopen(struct fixture *fixture)
{
	close_ledger(fixture);
	assert_int_equal(open_ledger(fixture, &boot), 0);
}

static int step(struct fixture *fixture)
{
	struct ledger_update update;

	world_step(&fixture->world);
	update = world_update(&fixture->world);
	return ledger_apply(fixture->ledger, &update);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/test_ledger.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	world_init(&fixture->world, 2, 4);
	world_add_domain(&fixture->world, 1, 4001, 3);
	world_add_domain(&fixture->world, 2, 4002, 2);
	assert_int_equal(open_ledger(fixture, &boot), 0);
	assert_string_equal(fixture->message, "");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close_ledger(fixture);
	world_deinit(&fixture->world);
	child_shell(fixture->dir, "chmod u+rwx . && rm -rf \"$PWD\"");
	free(fixture);
	return 0;
}

/* domains + host + unattributed, by the readers' view. */
static uint64_t zone_sum_uj(const struct ledger *ledger, size_t zone)
{
	const struct ledger_zone *row = ledger_zone(ledger, zone);
	uint64_t sum_uj = row->host.dynamic_uj + row->host.idle_uj + row->unattributed_uj;
	struct tick_share domains = { 0 };

	for (size_t i = 0; i < ledger_header(ledger)->counts.domains; i++) {
		const struct tick_share *share = ledger_share(ledger, i, zone);

		domains.dynamic_uj += share->dynamic_uj;
		domains.idle_uj += share->idle_uj;
	}
	assert_int_equal(row->domains.dynamic_uj, domains.dynamic_uj);
	assert_int_equal(row->domains.idle_uj, domains.idle_uj);
	return sum_uj + domains.dynamic_uj + domains.idle_uj;
}

static void assert_adds_up(const struct ledger *ledger)
{
	for (size_t zone = 0; zone < ledger_header(ledger)->counts.zones; zone++)
		assert_true(
			zone_sum_uj(ledger, zone) == ledger_zone(ledger, zone)->total_uj);
}

static const struct ledger_domain *domain_number(
	const struct ledger *ledger, uint32_t number)
{
	const struct uuid uuid = world_uuid(number);
	ssize_t row = ledger_find_domain(ledger, &uuid);

	assert_true(row >= 0);
	return ledger_domain(ledger, (size_t)row);
}

static void test_adds_up(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total_uj = 0, dynamic_uj = 0, guest_uj = 0;
	const struct ledger_domain *domain;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(step(fixture), 0);
		total_uj += fixture->world.tick.zones[1].total_uj;
		dynamic_uj += tick_share(&fixture->world.tick, 1, 1)->dynamic_uj;
		guest_uj += fixture->world.tick.domains[1].guest_uj[0];
		reopen(fixture);
		assert_adds_up(fixture->ledger);
	}
	assert_true(ledger_zone(fixture->ledger, 1)->total_uj == total_uj);
	assert_true(ledger_share(fixture->ledger, 1, 1)->dynamic_uj == dynamic_uj);
	domain = domain_number(fixture->ledger, 2);
	assert_true(domain->guest_uj[0] == guest_uj);
	assert_true(domain->quality_ns[MESSAGE_MEASURED] == 10 * (uint64_t)NSEC_PER_SEC);
	assert_true(ledger_domain_is_running(fixture->ledger, domain));
	assert_true(domain->first_boottime_ns == NSEC_PER_SEC);
	assert_true(domain->last_boottime_ns == 10 * (uint64_t)NSEC_PER_SEC);
	assert_int_equal(ledger_find_zone(fixture->ledger, "package-1"), 1);
	assert_int_equal(ledger_find_zone(fixture->ledger, "psys"), -ENOENT);
}

static void assert_same_sample(const struct sample *a, const struct sample *b)
{
	assert_true(
		a->boottime_ns == b->boottime_ns && a->monotonic_ns == b->monotonic_ns);
	assert_int_equal(a->n_zones, b->n_zones);
	for (size_t i = 0; i < a->n_zones; i++)
		assert_true(a->zones[i].valid == b->zones[i].valid &&
			    a->zones[i].energy_uj == b->zones[i].energy_uj);
	assert_int_equal(a->n_cpus, b->n_cpus);
	for (size_t i = 0; i < a->n_cpus; i++)
		assert_true(a->cpus[i].busy_ns == b->cpus[i].busy_ns);
	assert_int_equal(a->n_domains, b->n_domains);
	for (size_t i = 0; i < a->n_domains; i++) {
		const struct sample_domain *x = &a->domains[i], *y = &b->domains[i];

		assert_int_equal(uuid_compare(&x->uuid, &y->uuid), 0);
		assert_true(x->pid == y->pid && x->start_ticks == y->start_ticks);
		assert_true(x->n_vcpus == y->n_vcpus && x->exited_ns == y->exited_ns);
		assert_true(x->vcpus_per_socket == y->vcpus_per_socket);
		assert_true(x->max_vcpus == 4 && y->max_vcpus == 4);
		assert_int_equal(x->n_threads, y->n_threads);
		assert_int_equal(x->first_thread, y->first_thread);
	}
	assert_int_equal(a->n_threads, b->n_threads);
	for (size_t i = 0; i < a->n_threads; i++) {
		const struct sample_thread *x = &a->threads[i], *y = &b->threads[i];

		assert_true(
			x->tid == y->tid && x->kind == y->kind && x->index == y->index);
		assert_true(
			x->last_cpu == y->last_cpu && x->start_ticks == y->start_ticks);
		assert_true(x->cpu_ns == y->cpu_ns);
	}
}

static void test_restart(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->world.machine;
	struct sample previous = { 0 };
	struct uuid epoch, again;
	const struct uuid uuid = world_uuid(2);

	assert_int_equal(
		ledger_previous_sample(fixture->ledger, machine, &previous), -ENOENT);
	assert_int_equal(step(fixture), 0);
	/* One comes between them and one ends: rows and UUIDs have another order. */
	world_clear_domains(&fixture->world);
	world_add_domain(&fixture->world, 0, 4000, 4);
	world_add_domain(&fixture->world, 2, 4002, 2);
	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4002, 1000, &epoch), 0);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_int_equal(ledger_previous_sample(fixture->ledger, machine, &previous), 0);
	assert_same_sample(&previous, &fixture->world.sample);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4002, 1000, &again), 0);
	assert_int_equal(uuid_compare(&epoch, &again), 0);
	assert_true(domain_number(fixture->ledger, 2)->guest_uj[0] > 0);
	assert_false(ledger_domain_is_running(
		fixture->ledger, domain_number(fixture->ledger, 1)));

	/* Zones in another order, one new, one of another range. */
	world_set_zones(&fixture->world, 3);
	strcpy(machine->zones[0].name, "package-1");
	strcpy(machine->zones[1].name, "package-0");
	machine->zones[1].max_energy_range_uj--;
	assert_int_equal(ledger_previous_sample(fixture->ledger, machine, &previous), 0);
	assert_int_equal(previous.n_zones, 3);
	assert_true(previous.zones[0].valid);
	assert_true(
		previous.zones[0].energy_uj == fixture->world.sample.zones[1].energy_uj);
	assert_false(previous.zones[1].valid || previous.zones[2].valid);
	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		ledger_previous_sample(fixture->ledger, machine, &previous), -ENOENT);
	assert_adds_up(fixture->ledger);
	sample_deinit(&previous);
}

/* Idle states and names go on; a long name is cut between characters. */
static void test_names_and_idle_states(void **state)
{
	struct fixture *fixture = *state;
	uint64_t idle_states[2][LEDGER_IDLE_STATE_WORDS] = { { 1 }, { 0 } };
	char longest[LEDGER_NAME_SIZE + 8] = "";
	const char *names[2] = { "one", longest };
	struct ledger_update update;

	memset(longest, 'x', LEDGER_NAME_SIZE - 2);
	strcat(longest, "\xc3\xa4\xc3\xa4");
	idle_states[1][15] = 42;
	world_step(&fixture->world);
	update = world_update(&fixture->world);
	update.names = names;
	update.idle_states = (const uint64_t(*)[LEDGER_IDLE_STATE_WORDS])idle_states;
	assert_int_equal(ledger_apply(fixture->ledger, &update), 0);
	names[0] = NULL;
	world_step(&fixture->world);
	update.wall_ns = fixture->world.wall_ns;
	update.idle_states = NULL;
	assert_int_equal(ledger_apply(fixture->ledger, &update), 0);
	reopen(fixture);
	assert_string_equal(domain_number(fixture->ledger, 1)->name, "one");
	longest[LEDGER_NAME_SIZE - 2] = '\0';
	assert_string_equal(domain_number(fixture->ledger, 2)->name, longest);
	assert_true(ledger_zone(fixture->ledger, 0)->idle_state[0] == 1);
	assert_true(ledger_zone(fixture->ledger, 1)->idle_state[15] == 42);
}

/* A domain is its UUID: under another name it goes on with what it had. */
static void test_renamed(void **state)
{
	static const char *const names[] = { "old", "new" };
	struct fixture *fixture = *state;
	const struct uuid uuid = world_uuid(1);
	uint64_t dynamic_uj = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *of_domains[2] = { names[i], "other" };
		struct ledger_update update;

		world_step(&fixture->world);
		dynamic_uj += tick_share(&fixture->world.tick, 0, 0)->dynamic_uj;
		update = world_update(&fixture->world);
		update.names = of_domains;
		assert_int_equal(ledger_apply(fixture->ledger, &update), 0);
		reopen(fixture);
		assert_string_equal(domain_number(fixture->ledger, 1)->name, names[i]);
		assert_true(
			ledger_total(fixture->ledger, &uuid, 0).dynamic_uj == dynamic_uj);
	}
	assert_int_equal(ledger_header(fixture->ledger)->counts.domains, 2);
}

static void test_other_boot(void **state)
{
	struct fixture *fixture = *state;
	const struct uuid uuid = world_uuid(1);
	struct sample previous = { 0 };
	struct uuid epoch, next;
	uint64_t total_uj;

	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &epoch), 0);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	close_ledger(fixture);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_ledger(fixture, &other_boot), 0);
		assert_string_equal(fixture->message, "");
		assert_int_equal(ledger_previous_sample(fixture->ledger,
					 &fixture->world.machine, &previous),
			-ENOENT);
		assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
		assert_true(uuid_is_nil(&domain_number(fixture->ledger, 1)->epoch));
		assert_true(domain_number(fixture->ledger, 1)->guest_uj[0] == 0);
		assert_false(ledger_domain_is_running(
			fixture->ledger, domain_number(fixture->ledger, 1)));
		close_ledger(fixture);
	}
	/* Only number 2 runs; the row of number 1 stays as the first boot left it. */
	assert_int_equal(open_ledger(fixture, &other_boot), 0);
	world_clear_domains(&fixture->world);
	world_add_domain(&fixture->world, 2, 4002, 1);
	assert_int_equal(step(fixture), 0);
	close_ledger(fixture);
	assert_int_equal(open_ledger(fixture, &other_boot), 0);
	assert_int_equal(ledger_previous_sample(
				 fixture->ledger, &fixture->world.machine, &previous),
		0);
	assert_same_sample(&previous, &fixture->world.sample);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &next), 0);
	assert_int_not_equal(uuid_compare(&epoch, &next), 0);
	sample_deinit(&previous);
}

static void test_epochs(void **state)
{
	struct fixture *fixture = *state;
	const struct uuid uuid = world_uuid(1), later = world_uuid(7);
	struct uuid first, second, early, third;
	uint64_t dynamic_uj;

	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &first), 0);
	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &second), 0);
	assert_int_equal(uuid_compare(&first, &second), 0);
	dynamic_uj = ledger_share(fixture->ledger, 0, 0)->dynamic_uj;
	assert_true(domain_number(fixture->ledger, 1)->guest_uj[0] > 0);

	/* The same pid, started again: another process; its account goes on. */
	fixture->world.sample.domains[0].start_ticks++;
	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1001, &second), 0);
	assert_int_not_equal(uuid_compare(&first, &second), 0);
	assert_true(domain_number(fixture->ledger, 1)->guest_uj[0] ==
		    fixture->world.tick.domains[0].guest_uj[0]);
	assert_true(ledger_share(fixture->ledger, 0, 0)->dynamic_uj ==
		    dynamic_uj + tick_share(&fixture->world.tick, 0, 0)->dynamic_uj);

	/* One that no sample has yet, kept by the next commit. */
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &later, 4007, 1, &early), 0);
	assert_int_equal(step(fixture), 0);
	reopen(fixture);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &later, 4007, 1, &third), 0);
	assert_int_equal(uuid_compare(&early, &third), 0);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &later, 4008, 1, &third), 0);
	assert_int_not_equal(uuid_compare(&early, &third), 0);
}

static bool is_from_start(
	struct fixture *fixture, unsigned int number, pid_t pid, uint64_t start_ticks)
{
	const struct uuid uuid = world_uuid(number);
	struct uuid epoch;

	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, pid, start_ticks, &epoch), 0);
	return domain_number(fixture->ledger, number)->epoch_from_start;
}

/* Only of what began while it looked is it certain that it was in no epoch before. */
static void test_epochs_from_start(void **state)
{
	struct fixture *fixture = *state;
	uint64_t now_ticks;

	fixture->world.sample.domains[0].start_ticks = 1;
	/* Before the first sample. */
	assert_false(is_from_start(fixture, 7, 4007, UINT32_MAX));
	assert_int_equal(step(fixture), 0);
	assert_false(domain_number(fixture->ledger, 1)->epoch_from_start);
	now_ticks = fixture->world.sample.boottime_ns / (NSEC_PER_SEC / 100);
	assert_false(is_from_start(fixture, 7, 4007, now_ticks));
	assert_true(is_from_start(fixture, 7, 4007, now_ticks + 1));
	/* Later ticks do not change what it was. */
	fixture->world.sample.domains[0].start_ticks = now_ticks + 1;
	assert_int_equal(step(fixture), 0);
	assert_int_equal(step(fixture), 0);
	assert_true(domain_number(fixture->ledger, 1)->epoch_from_start);
	assert_true(is_from_start(fixture, 7, 4007, now_ticks + 1));
	assert_false(is_from_start(fixture, 7, 4008, now_ticks));

	/* The next run does not know what the last one could not keep. */
	reopen(fixture);
	assert_false(is_from_start(fixture, 8, 4009, UINT32_MAX));
	assert_int_equal(step(fixture), 0);
	assert_false(domain_number(fixture->ledger, 1)->epoch_from_start);
	assert_true(is_from_start(fixture, 8, 4010, UINT32_MAX));
}

static void test_refuses(void **state)
{
	struct fixture *fixture = *state;
	struct world *world = &fixture->world;
	struct ledger_update update = world_update(world);
	uint64_t total_uj;

	assert_int_equal(step(fixture), 0);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	world->tick.zones[0].total_uj++;
	assert_int_equal(ledger_apply(fixture->ledger, &update), -EINVAL);
	world->tick.zones[0].total_uj--;
	world->machine.n_zones = 1;
	assert_int_equal(ledger_apply(fixture->ledger, &update), -EINVAL);
	world->machine.n_zones = 2;
	world->sample.threads[4].kind = SAMPLE_THREAD_VHOST + 1;
	assert_int_equal(ledger_apply(fixture->ledger, &update), -EINVAL);
	world->sample.threads[4].kind = 0;
	world->sample.domains[1].n_threads = 3;
	assert_int_equal(ledger_apply(fixture->ledger, &update), -EINVAL);
	world->sample.domains[1].n_threads = 2;
	world->sample.domains[1].uuid = world->sample.domains[0].uuid;
	assert_int_equal(ledger_apply(fixture->ledger, &update), -EINVAL);
	world->sample.domains[1].uuid = world_uuid(2);
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
	assert_int_equal(ledger_apply(fixture->ledger, &update), 0);
	for (int i = 0; i < LEDGER_ZONES_MAX; i += 2) {
		snprintf(world->machine.zones[0].name, MACHINE_ZONE_NAME_SIZE, "a-%d", i);
		snprintf(world->machine.zones[1].name, MACHINE_ZONE_NAME_SIZE, "b-%d", i);
		assert_int_equal(ledger_apply(fixture->ledger, &update),
			i + 2 < LEDGER_ZONES_MAX ? 0 : -E2BIG);
	}
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_adds_up(fixture->ledger);
}

/* Over the first room for domains, threads and zones, and past ended domains. */
static void test_growth(void **state)
{
	struct fixture *fixture = *state;
	struct sample previous = { 0 };

	for (uint32_t n = 0; n < 150; n += 7) {
		world_set_zones(&fixture->world, 2 + n / 10);
		world_clear_domains(&fixture->world);
		for (uint32_t i = n / 2; i < n; i++)
			world_add_domain(&fixture->world, i, 5000 + 20 * (pid_t)i, 19);
		assert_int_equal(step(fixture), 0);
		assert_adds_up(fixture->ledger);
		reopen(fixture);
		assert_string_equal(fixture->message, "");
		assert_adds_up(fixture->ledger);
		assert_int_equal(ledger_previous_sample(fixture->ledger,
					 &fixture->world.machine, &previous),
			0);
		assert_same_sample(&previous, &fixture->world.sample);
	}
	sample_deinit(&previous);
}

static void test_lock(void **state)
{
	struct fixture *fixture = *state;
	struct ledger *second = NULL;

	assert_int_equal(
		ledger_open(fixture->dir, &boot, fixture->message, &second), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(fixture->message, fixture->dir));
	assert_non_null(strstr(fixture->message, "in use by another vmpower-hostd"));
	assert_non_null(strstr(fixture->message, "--state-dir"));
	close_ledger(fixture);
	assert_int_equal(open_ledger(fixture, &boot), 0);
}

static void test_directory(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct stat st;
	struct ledger *ledger;

	assert_int_equal(step(fixture), 0);
	snprintf(path, sizeof(path), "%s/ledger", fixture->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/new", fixture->dir);
	assert_int_equal(ledger_open(path, &boot, fixture->message, &ledger), 0);
	ledger_close(ledger);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/no/new", fixture->dir);
	assert_int_equal(ledger_open(path, &boot, fixture->message, &ledger), -ENOENT);
	assert_non_null(strstr(fixture->message, path));
	snprintf(path, sizeof(path), "%s/ledger", fixture->dir);
	assert_int_equal(ledger_open(path, &boot, fixture->message, &ledger), -ENOTDIR);
}

/* Runs it in a child, as an ordinary user if need be; its exit status. */
static int in_child(
	struct fixture *fixture, int (*run)(struct fixture *fixture), bool drop)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (drop && geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(99);
		_exit(run(fixture));
	}
	return child_join(pid);
}

static int open_refused(struct fixture *fixture)
{
	return open_ledger(fixture, &boot) == -EACCES &&
			       strstr(fixture->message, fixture->dir) &&
			       strstr(fixture->message, "chown")
		       ? 0
		       : 1;
}

static void test_not_ours(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(step(fixture), 0);
	close_ledger(fixture);
	assert_int_equal(chmod(fixture->dir, 0555), 0);
	assert_int_equal(in_child(fixture, open_refused, true), 0);
	/* Somebody else's file is not corrupt: it is left where it is. */
	assert_int_equal(chmod(fixture->dir, 0777), 0);
	child_shell(fixture->dir, "chmod 0 ledger");
	assert_int_equal(in_child(fixture, open_refused, true), 0);
	child_shell(fixture->dir, "chmod 600 ledger");
	assert_int_equal(open_ledger(fixture, &boot), 0);
	assert_string_equal(fixture->message, "");
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj > 0);
}

static void make_checkpoint(struct fixture *fixture)
{
	child_shell(fixture->dir, "cp ledger ledger.checkpoint");
}

static void test_set_aside(void **state)
{
	static const struct {
		const char *damage, *reason;
	} cases[] = {
		{ "dd if=/dev/zero of=ledger bs=1 seek=4096 count=800 conv=notrunc status=none",
			"is corrupt" },
		{ "truncate -s 5000 ledger", "it has 5000 bytes" },
		{ "truncate -s 0 ledger", "it is not a ledger" },
		{ "echo foreign >ledger", "it is not a ledger" },
		{ "printf '\\4' | dd of=ledger bs=1 seek=8 conv=notrunc status=none",
			"it has format version 4, this program knows up to 3" },
		{ "rm ledger && mkdir ledger", "Invalid argument" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(step(fixture), 0);
		close_ledger(fixture);
		child_shell(fixture->dir, cases[i].damage);
		assert_int_equal(open_ledger(fixture, &boot), 0);
		assert_non_null(strstr(fixture->message, cases[i].reason));
		assert_non_null(strstr(fixture->message, "it is set aside as "));
		assert_non_null(strstr(fixture->message, "a new ledger begins"));
		assert_true(access(strstr(fixture->message, " as /") + 4, F_OK) < 0);
		assert_int_equal(ledger_header(fixture->ledger)->counts.zones, 0);
	}
	child_shell(fixture->dir, "test $(ls -d ledger.set-aside-* | wc -l) = 6");
}

/* The checkpoint goes on where the ledger is lost or, after a power failure, older. */
static void test_checkpoint(void **state)
{
	struct fixture *fixture = *state;
	const struct uuid uuid = world_uuid(1);
	struct sample previous = { 0 };
	struct uuid epoch, next;
	uint64_t total_uj;

	assert_int_equal(step(fixture), 0);
	child_shell(fixture->dir, "cp ledger old");
	assert_int_equal(step(fixture), 0);
	make_checkpoint(fixture);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &epoch), 0);
	assert_int_equal(step(fixture), 0);
	/* Both are there: the newer one counts, in silence. */
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj > total_uj);
	for (int lost = 0; lost < 3; lost++) {
		close_ledger(fixture);
		child_shell(fixture->dir, lost == 0   ? "cp old ledger"
					  : lost == 1 ? "rm ledger"
						      : "echo bad >ledger");
		assert_int_equal(open_ledger(fixture, &boot), 0);
		assert_non_null(
			strstr(fixture->message, "going on from ledger.checkpoint"));
		assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
		/* The kernel's counters are of this boot; the guests have seen more. */
		assert_int_equal(ledger_previous_sample(fixture->ledger,
					 &fixture->world.machine, &previous),
			0);
		assert_true(uuid_is_nil(&domain_number(fixture->ledger, 1)->epoch));
	}
	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &next), 0);
	assert_int_not_equal(uuid_compare(&epoch, &next), 0);
	reopen(fixture);
	assert_int_equal(
		ledger_domain_epoch(fixture->ledger, &uuid, 4001, 1000, &epoch), 0);
	assert_int_equal(uuid_compare(&epoch, &next), 0);
	/* Damage to both is told of both. */
	close_ledger(fixture);
	child_shell(fixture->dir, "echo bad >ledger; echo bad >ledger.checkpoint");
	assert_int_equal(open_ledger(fixture, &boot), 0);
	assert_non_null(strstr(fixture->message, "ledger.checkpoint cannot be used"));
	assert_non_null(strstr(fixture->message, "a new ledger begins"));
	sample_deinit(&previous);
}

static void add_domains(struct fixture *fixture, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		world_add_domain(&fixture->world, i, 5000 + (pid_t)i, 1);
}

/* Growth fails, the book goes on, and the file catches up when there is room again. */
static void assert_survives_full_disk(
	struct fixture *fixture, int error, const char *make_room)
{
	uint64_t total_uj = ledger_zone(fixture->ledger, 0)->total_uj;

	add_domains(fixture, 3, 70);
	assert_int_equal(step(fixture), error);
	total_uj += fixture->world.tick.zones[0].total_uj;
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
	if (make_room)
		child_shell(fixture->dir, make_room);
	else
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
	/* Not before 5 s are over. */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(step(fixture), error);
		total_uj += fixture->world.tick.zones[0].total_uj;
	}
	assert_int_equal(step(fixture), 0);
	total_uj += fixture->world.tick.zones[0].total_uj;
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_adds_up(fixture->ledger);
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
	assert_int_equal(ledger_header(fixture->ledger)->counts.domains, 69);
}

static void test_file_size_limit(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_counts sizes = { 8, 64, 1024, 64 };
	rlim_t size = ledger_image_size(2, &sizes);
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);

	assert_int_equal(step(fixture), 0);
	assert_int_equal(
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ size, RLIM_INFINITY }), 0);
	assert_survives_full_disk(fixture, -EFBIG, NULL);
	signal(SIGXFSZ, before);
}

/* A larger file could not be put in place; then the book fits into the old one again. */
static void test_old_file_again(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total_uj;

	assert_int_equal(step(fixture), 0);
	child_shell(fixture->dir, "ln ledger kept && rm ledger && mkdir ledger");
	add_domains(fixture, 3, 10);
	world_add_domain(&fixture->world, 10, 6000, 1100);
	assert_int_equal(step(fixture), -EISDIR);
	world_clear_domains(&fixture->world);
	world_add_domain(&fixture->world, 2, 4002, 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(step(fixture), -EISDIR);
	assert_int_equal(step(fixture), 0);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	child_shell(fixture->dir, "rmdir ledger && mv kept ledger");
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_adds_up(fixture->ledger);
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
	assert_int_equal(ledger_header(fixture->ledger)->counts.domains, 10);
}

/* Somebody empties the file that is mapped; the same fault as when the disk fails. */
static void test_truncated(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total_uj;

	add_domains(fixture, 3, 30);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(step(fixture), 0);
		child_shell(
			fixture->dir, i == 1 ? "truncate -s 40000 ledger" : ": >ledger");
		for (int s = 0; s < 5; s++)
			assert_int_equal(step(fixture), -EIO);
		assert_int_equal(step(fixture), 0);
		total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
		reopen(fixture);
		assert_string_equal(fixture->message, "");
		assert_adds_up(fixture->ledger);
		assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
	}
}

static void *map_nothing(void)
{
	FILE *file = tmpfile();
	void *map;

	assert_non_null(file);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	assert_true(map != MAP_FAILED);
	fclose(file);
	return map;
}

static void touch(void *data)
{
	*(volatile char *)data = 1;
}

/* A fault elsewhere is what it always was. */
static void test_other_fault(void **state)
{
	void *map = map_nothing(), *other = map_nothing();
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka has a handler of its own. */
		signal(SIGBUS, SIG_DFL);
		if (ledger_guard_run(map, 4096, touch, map) != -EIO)
			_exit(1);
		ledger_guard_run(map, 4096, touch, other);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	munmap(map, 4096);
	munmap(other, 4096);
}

static int run_full_disk(struct fixture *fixture)
{
	/* What the parent has open is below the mount. */
	close_ledger(fixture);
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", fixture->dir, "tmpfs", 0, "size=1m,mode=700") < 0)
		return 77;
	assert_int_equal(open_ledger(fixture, &boot), 0);
	/* Not even the first file fits, then it does. */
	child_shell(fixture->dir, "dd if=/dev/zero of=fill bs=4k count=240 status=none");
	assert_int_equal(step(fixture), -ENOSPC);
	child_shell(fixture->dir, "rm fill");
	for (int i = 0; i < 4; i++)
		assert_int_equal(step(fixture), -ENOSPC);
	assert_int_equal(step(fixture), 0);
	/* To the last block: stores into what is mapped need none. */
	child_shell(fixture->dir,
		"dd if=/dev/zero of=fill bs=4k status=none 2>/dev/null; test -s fill");
	for (int i = 0; i < 10; i++)
		assert_int_equal(step(fixture), 0);
	assert_survives_full_disk(fixture, -ENOSPC, "rm fill");
	return 0;
}

static void test_full_disk(void **state)
{
	int status = in_child(*state, run_full_disk, false);

	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

static int run_read_only(struct fixture *fixture)
{
	uint64_t total_uj;

	close_ledger(fixture);
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", fixture->dir, "tmpfs", 0, "size=1m,mode=700") < 0)
		return 77;
	for (int i = 0; i < 2; i++) {
		if (mount(NULL, fixture->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
			return 1;
		/* Without a file, and with one. */
		if (open_ledger(fixture, &boot) < 0)
			return 2;
		for (int s = 0; s < 5; s++) {
			if (step(fixture) != -EROFS)
				return 3;
		}
		if (mount(NULL, fixture->dir, NULL, MS_REMOUNT, NULL) < 0)
			return 4;
		if (step(fixture) != 0)
			return 5;
		total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
		close_ledger(fixture);
		if (open_ledger(fixture, &boot) < 0 || fixture->message[0] ||
			ledger_zone(fixture->ledger, 0)->total_uj != total_uj)
			return 6;
		close_ledger(fixture);
	}
	return 0;
}

static void test_read_only(void **state)
{
	int status = in_child(*state, run_read_only, false);

	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

/* Everything that was published, as the killed process saw it. */
#define DOMAINS_MAX 160
struct published {
	uint64_t n_ticks;
	uint64_t zones_uj[4];
	uint64_t unattributed_uj[4];
	uint64_t domains_uj[DOMAINS_MAX][4];
	uint64_t guests_uj[DOMAINS_MAX];
	struct uuid epochs[DOMAINS_MAX];
};

static void publish(const struct ledger *ledger, struct published *published)
{
	const struct ledger_counts *counts = &ledger_header(ledger)->counts;

	for (uint32_t zone = 0; zone < counts->zones; zone++) {
		published->zones_uj[zone] = ledger_zone(ledger, zone)->total_uj;
		published->unattributed_uj[zone] =
			ledger_zone(ledger, zone)->unattributed_uj;
	}
	for (uint32_t row = 0; row < counts->domains; row++) {
		const struct ledger_domain *domain = ledger_domain(ledger, row);
		uint32_t number = domain->uuid.bytes[3];

		for (uint32_t zone = 0; zone < counts->zones; zone++) {
			const struct tick_share *share = ledger_share(ledger, row, zone);

			published->domains_uj[number][zone] = share->dynamic_uj +
							      share->idle_uj;
		}
		/* A value of an epoch that is not there yet would be nobody's. */
		if (uuid_compare(&published->epochs[number], &domain->epoch) != 0) {
			published->guests_uj[number] = 0;
			/* The process may be killed between any two of these. */
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
			published->epochs[number] = domain->epoch;
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
		}
		published->guests_uj[number] = domain->guest_uj[0];
	}
	published->n_ticks++;
}

/* Ticks until it is killed; domains come, go and restart, and files grow. */
_Noreturn static void tick_until_killed(
	struct fixture *fixture, struct published *published)
{
	struct world *world = &fixture->world;
	struct sample previous = { 0 };

	if (open_ledger(fixture, &boot) < 0 || fixture->message[0])
		_exit(1);
	world->seed += (uint64_t)getpid();
	if (ledger_previous_sample(fixture->ledger, &world->machine, &previous) == 0)
		sample_copy(&world->sample, &previous);
	for (uint64_t i = 0;; i++) {
		struct ledger_update update;

		if (i % 8 == 0) {
			uint64_t density = world_random(world) % 100;

			world_clear_domains(world);
			for (uint32_t n = 0; n < DOMAINS_MAX; n++) {
				if (world_random(world) % 100 < density)
					world_add_domain(world, n,
						1000 + (pid_t)(world_random(world) % 2),
						(uint32_t)(world_random(world) % 12));
			}
		}
		world_step(world);
		update = world_update(world);
		if (ledger_apply(fixture->ledger, &update) < 0)
			_exit(2);
		publish(fixture->ledger, published);
	}
}

static void assert_not_below(
	const struct ledger *ledger, const struct published *published)
{
	for (uint32_t number = 0; number < DOMAINS_MAX; number++) {
		const struct uuid uuid = world_uuid(number);
		ssize_t row = ledger_find_domain(ledger, &uuid);

		if (row < 0) {
			assert_true(published->domains_uj[number][0] == 0);
			continue;
		}
		for (size_t zone = 0; zone < 4; zone++) {
			const struct tick_share *share = ledger_share(
				ledger, (size_t)row, zone);

			assert_true(share->dynamic_uj + share->idle_uj >=
				    published->domains_uj[number][zone]);
		}
		if (uuid_compare(&ledger_domain(ledger, (size_t)row)->epoch,
			    &published->epochs[number]) == 0)
			assert_true(ledger_domain(ledger, (size_t)row)->guest_uj[0] >=
				    published->guests_uj[number]);
	}
	for (size_t zone = 0; zone < 4; zone++) {
		assert_true(
			ledger_zone(ledger, zone)->total_uj >= published->zones_uj[zone]);
		assert_true(ledger_zone(ledger, zone)->unattributed_uj >=
			    published->unattributed_uj[zone]);
	}
}

static void kill_once(struct fixture *fixture, struct published *published)
{
	uint64_t n_before = published->n_ticks;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		tick_until_killed(fixture, published);
	/* Up to 8 ms after its first tick, or now and then before it. */
	child_await(&published->n_ticks, n_before, random() % 8 ? 100000 : 10);
	usleep((useconds_t)(random() % 8000));
	child_kill(pid);
	assert_int_equal(open_ledger(fixture, &boot), 0);
	assert_string_equal(fixture->message, "");
	if (published->n_ticks > 0) {
		assert_adds_up(fixture->ledger);
		assert_not_below(fixture->ledger, published);
	}
	close_ledger(fixture);
}

static void test_killed(void **state)
{
	struct fixture *fixture = *state;
	struct published *published = mmap(NULL, sizeof(*published),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t n_ticks = 0;

	assert_true(published != MAP_FAILED);
	close_ledger(fixture);
	world_set_zones(&fixture->world, 4);
	for (int i = 0; i < 240; i++) {
		/* Anew now and then, as the file grows most in its first ticks. */
		if (i % 6 == 0) {
			n_ticks += published->n_ticks;
			memset(published, 0, sizeof(*published));
			child_shell(fixture->dir, "rm -f ledger");
		}
		kill_once(fixture, published);
	}
	n_ticks += published->n_ticks;
	print_message("%ju ticks, killed 240 times\n", (uintmax_t)n_ticks);
	assert_true(n_ticks > 240);
	munmap(published, sizeof(*published));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_adds_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_names_and_idle_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_boot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_epochs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_epochs_from_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_growth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_size_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_file_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
