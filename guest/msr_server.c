/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The msr files' loop: new CPUs, and what is asked of those there are. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/msr_server.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fuse-powercap/msr_file.h"
#include "guest/caller.h"
#include "guest/fd_message.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/rooted.h"

#define LOG_INTERVAL_NS UINT64_C(10000000000)

struct cpu {
	struct cpu *next;
	uint32_t number;
	int device_fd;
	struct msr_file *file;
};

struct server {
	int socket_fd;
	int epoll_fd;
	unsigned int dram_unit;
	struct board_reader reader;
	struct caller_rule rule;
	struct log_limit caller_limit;
	struct cpu *cpus;
};

static int read_energy(void *context, unsigned int zone, uint64_t *ret_uj)
{
	return board_reader_shown(
		&((struct server *)context)->reader, zone, clock_boottime_ns(), ret_uj);
}

static bool may_open(void *context, pid_t pid)
{
	struct server *server = context;
	uint64_t suppressed;
	int r;

	r = caller_check(&server->rule, pid);
	if (r < 0 && (r != -EPERM || pid == 0) &&
		log_limit_pass(&server->caller_limit, clock_monotonic_ns(),
			LOG_INTERVAL_NS, &suppressed))
		log_warning(
			"refusing a process the msr files, as its capabilities are not "
			"known here (process %d: %s)",
			(int)pid, pid == 0 ? "of another pid namespace" : strerror(-r));
	return r == 0;
}

/* The first CPU's family and model; 0 where there is no such thing. */
static unsigned int read_dram_unit(void)
{
	cleanup_fclose FILE *file = fopen("/proc/cpuinfo", "re");
	unsigned int family = 0, model = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file) && line[0] != '\n') {
		sscanf(line, "cpu family : %u", &family);
		sscanf(line, "model : %u", &model);
	}
	return msr_dram_unit(family, model);
}

/* One descriptor each for the device and for what is served, and CPUs may be many. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("cannot raise RLIMIT_NOFILE: %s", strerror(errno));
}

static struct cpu *cpu_free(struct cpu *cpu)
{
	if (!cpu)
		return NULL;
	msr_file_free(cpu->file);
	if (cpu->device_fd >= 0)
		close(cpu->device_fd);
	free(cpu);
	return NULL;
}

static void cleanup_cpu_freep(struct cpu **cpu)
{
	cpu_free(*cpu);
}

static int add_cpu(struct server *server, uint32_t number, int device_fd, int fuse_fd)
{
	__attribute__((__cleanup__(cleanup_cpu_freep))) struct cpu *cpu = NULL;
	cleanup_close int fuse = fuse_fd, device = device_fd;
	struct msr_file_options options = {
		.cpu = {
			.model = &server->reader.model,
			.dram_unit = server->dram_unit,
			.read_energy = read_energy,
			.context = server,
		},
		.device_fd = device_fd,
		.may_open = may_open,
		.context = server,
	};
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t package;
	int r;

	r = rooted_read_u64("/sys", &package,
		"devices/system/cpu/cpu%u/topology/physical_package_id", number);
	if (r < 0)
		return r;
	options.cpu.package = (unsigned int)package;
	cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		return -ENOMEM;
	cpu->number = number;
	cpu->device_fd = steal_fd(&device);
	if (fstat(cpu->device_fd, &options.attributes) < 0)
		return -errno;
	r = msr_file_new(steal_fd(&fuse), &options, &cpu->file);
	if (r < 0)
		return r;
	event.data.ptr = cpu;
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, msr_file_fd(cpu->file), &event) <
		0)
		return -errno;
	cpu->next = server->cpus;
	server->cpus = steal_pointer(&cpu);
	return 0;
}

static void remove_cpu(struct server *server, struct cpu *cpu)
{
	struct cpu **link = &server->cpus;

	while (*link != cpu)
		link = &(*link)->next;
	*link = cpu->next;
	cpu_free(cpu);
}

static void log_unserved(uint32_t cpu, int error)
{
	log_error(
		"cannot serve /dev/cpu/%u/msr, which reads ENOTCONN until the agent ends: "
		"%s",
		cpu, strerror(-error));
}

/* 1: the keeper has closed its end. What is wrong with one CPU is no error. */
static int take_cpu(struct server *server)
{
	struct msr_server_cpu message;
	int fds[MSR_SERVER_N_FDS], r;
	ssize_t n;

	n = fd_message_receive(
		server->socket_fd, &message, sizeof(message), fds, MSR_SERVER_N_FDS, 0);
	if (n == 0)
		return 1;
	if (n < 0) {
		log_error("cannot hear of CPUs from the keeper: %s", strerror((int)-n));
		return (int)n;
	}
	/* Where this process may open no more, they do not come. */
	if (n != (ssize_t)sizeof(message) || fds[MSR_SERVER_DEVICE] < 0) {
		for (size_t i = 0; i < MSR_SERVER_N_FDS; i++)
			cleanup_closep(&fds[i]);
		log_error("cannot take a CPU of the keeper: its device did not come with "
			  "it; is RLIMIT_NOFILE too low?");
		return 0;
	}
	r = add_cpu(server, message.cpu, fds[MSR_SERVER_DEVICE], fds[MSR_SERVER_FUSE]);
	/* ENOENT: it has gone meanwhile, and so has its device. */
	if (r < 0 && r != -ENOENT)
		log_unserved(message.cpu, r);
	return 0;
}

static void process_cpu(struct server *server, struct cpu *cpu)
{
	int r;

	board_reader_refresh(&server->reader);
	r = msr_file_process(cpu->file);
	if (r == 0)
		return;
	/* Its device is gone, and the mount on it; or the agent is ending. */
	if (r == -ENODEV)
		log_debug("/dev/cpu/%u/msr is not served any more", cpu->number);
	else
		log_unserved(cpu->number, r);
	remove_cpu(server, cpu);
}

static int run_loop(struct server *server)
{
	for (;;) {
		struct epoll_event event;
		int r;

		/* One at a time: what it names may be gone after the one before. */
		r = epoll_wait(server->epoll_fd, &event, 1, -1);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		if (event.data.ptr) {
			process_cpu(server, event.data.ptr);
			continue;
		}
		r = take_cpu(server);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

static int init(struct server *server)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r;

	raise_fd_limit();
	server->dram_unit = read_dram_unit();
	r = caller_rule_init(&server->rule, CAP_SYS_RAWIO);
	if (r < 0)
		return r;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0 ||
		epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->socket_fd, &event) < 0)
		return -errno;
	return 0;
}

int msr_server_run(int socket_fd, const struct board *board)
{
	struct server server = {
		.socket_fd = socket_fd,
		.epoll_fd = -1,
		.reader = { .board = board },
	};
	int r;

	r = init(&server);
	if (r < 0)
		log_error("cannot begin to serve msr files: %s", strerror(-r));
	else
		r = run_loop(&server);
	while (server.cpus)
		remove_cpu(&server, server.cpus);
	if (server.epoll_fd >= 0)
		close(server.epoll_fd);
	return r;
}
