/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The channel where something fails; the rest of it needs a host, and has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest/channel.h"
#include "guest/keeper_call.h"
#include "shared/cleanup.h"

static int uuid_error;

int __real_uuid_generate(struct uuid *ret_uuid);
int __wrap_uuid_generate(struct uuid *ret_uuid);

int __wrap_uuid_generate(struct uuid *ret_uuid)
{
	return uuid_error ? uuid_error : __real_uuid_generate(ret_uuid);
}

/* It goes on, and neither at once nor never. */
static void test_hello_fails(void **state)
{
	const struct uuid boot_id = { { 1 } };
	cleanup_close int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	cleanup_close int keeper_fd = -1, call_fd = -1;
	struct channel channel = { .port = { .fd = -1, .watch_fd = -1 } };
	size_t len;

	(void)state;
	assert_int_equal(keeper_call_pair(&keeper_fd, &call_fd), 0);
	assert_int_equal(
		channel_init(&channel, "/missing", epoll_fd, call_fd, 1, 2, &boot_id), 0);
	/* Nobody opens the port, which is no reason to end either. */
	close(steal_fd(&keeper_fd));
	agent_connect(&channel.agent, 5);
	uuid_error = -ENOMEM;
	assert_int_equal(channel_process_deadlines(&channel, 5), 0);
	assert_true(agent_deadline_ns(&channel.agent) == 5 + AGENT_PATIENCE_NS);
	agent_output(&channel.agent, &len);
	assert_int_equal(len, 0);
	uuid_error = 0;
	assert_int_equal(channel_process_deadlines(&channel, 5 + AGENT_PATIENCE_NS), 0);
	agent_output(&channel.agent, &len);
	assert_true(len > 0);
	assert_int_equal(channel.link, STATUS_GREETING);
	channel_deinit(&channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
