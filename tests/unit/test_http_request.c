/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What Host may say, where to listen, and what paths there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "host/host_header.h"
#include "host/http_path.h"
#include "host/listen_address.h"

static void test_host_header(void **state)
{
	static const struct {
		const char *host;
		bool ours;
	} cases[] = {
		{ "localhost", true },
		{ "LOCALHOST:9846", true },
		{ "vm.localhost", true },
		{ "127.0.0.1", true },
		{ "127.0.0.1:9846", true },
		{ "192.0.2.7:80", true },
		{ "[::1]", true },
		{ "[2001:db8::1]:9846", true },
		{ "hv1", true },
		{ "HV1:9846", true },
		{ "hv1.example.com", true },
		{ "hv1.example.com.", true },
		{ "metrics.example.org", true },
		{ "Other", true },
		{ "", false },
		{ ".", false },
		{ ":9846", false },
		{ "evil.com", false },
		{ "evil.com:9846", false },
		{ "notlocalhost", false },
		{ "localhost.evil.com", false },
		{ "127.0.0.1.evil.com", false },
		{ "127.0.0.1x", false },
		{ "127.0.0.1:", false },
		{ "127.0.0.1:x", false },
		{ "127.0.0.1:999999", false },
		{ "[::1", false },
		{ "[::1]x", false },
		{ "[::1]:x", false },
		{ "[localhost]", false },
		{ "[]", false },
		{ "::1", false },
		{ "hv", false },
		{ "hv1.example", false },
		{ "hv1.evil.com", false },
		{ "metrics.example", false },
		{ "metrics.example.org,other", false },
		{ "localhost,evil.com", false },
		{ "localhost evil.com", false },
	};
	char longest[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (host_header_is_ours(cases[i].host, "hv1.example.com",
			    " metrics.example.org,other ,") != cases[i].ours)
			fail_msg("%s", cases[i].host);
	}
	assert_false(host_header_is_ours("", "", NULL));
	assert_false(host_header_is_ours("x", "", NULL));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(host_header_is_ours(longest, longest, NULL));
}

static void test_listen_tcp(void **state)
{
	struct listen_address address;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	assert_int_equal(listen_address_parse("127.0.0.1:9846", &address), 0);
	assert_int_equal(address.kind, LISTEN_TCP);
	assert_int_equal(address.tcp_len, sizeof(struct sockaddr_in));
	assert_int_equal(address.tcp.in.sin_family, AF_INET);
	assert_int_equal(ntohs(address.tcp.in.sin_port), 9846);
	assert_int_equal(ntohl(address.tcp.in.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(listen_address_parse("[2001:db8::7]:65535", &address), 0);
	assert_int_equal(address.tcp_len, sizeof(struct sockaddr_in6));
	assert_int_equal(ntohs(address.tcp.in6.sin6_port), 65535);
	inet_ntop(AF_INET6, &address.tcp.in6.sin6_addr, text, sizeof(text));
	assert_string_equal(text, "2001:db8::7");
}

static void test_listen_others(void **state)
{
	static const char *const bad[] = { "", "9846", ":9846", "localhost:9846",
		"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
		"127.0.0.1:98x", "127.0.0.1:-1", "::1:9846", "[::1:9846", "[]:1", "[::1]",
		"unix:", "unix:relative", "None", "none ",
		"[2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999]:1" };
	struct listen_address address = { .kind = LISTEN_TCP };
	char path[200] = "unix:/";

	(void)state;
	assert_int_equal(listen_address_parse("none", &address), 0);
	assert_int_equal(address.kind, LISTEN_NONE);
	assert_int_equal(listen_address_parse("unix:/run/x:1", &address), 0);
	assert_int_equal(address.kind, LISTEN_UNIX);
	assert_string_equal(address.path, "/run/x:1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (listen_address_parse(bad[i], &address) != -EINVAL)
			fail_msg("%s", bad[i]);
	}
	memset(path + 6, 'x', 106);
	assert_int_equal(listen_address_parse(path, &address), 0);
	path[112] = 'x';
	assert_int_equal(listen_address_parse(path, &address), -EINVAL);
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		enum http_path is;
	} cases[] = {
		{ "/metrics", HTTP_PATH_METRICS },
		{ "/api/v1/host", HTTP_PATH_HOST },
		{ "/api/v1/domains", HTTP_PATH_DOMAINS },
		{ "/healthz", HTTP_PATH_HEALTH },
		{ "/api/v1/domains/AAAAAAAA-0000-4000-8000-00000000000a",
			HTTP_PATH_DOMAIN },
		{ "/api/v1/domains/", HTTP_PATH_UNKNOWN },
		{ "/api/v1/domains/web1", HTTP_PATH_UNKNOWN },
		{ "/api/v1/domains/aaaaaaaa-0000-4000-8000-00000000000a/",
			HTTP_PATH_UNKNOWN },
		{ "/api/v1/domains/aaaaaaaa-0000-4000-8000-00000000000ab",
			HTTP_PATH_UNKNOWN },
		{ "/api/v1/domains/aaaaaaaa-0000-4000-8000-00000000000",
			HTTP_PATH_UNKNOWN },
		{ "/", HTTP_PATH_UNKNOWN },
		{ "", HTTP_PATH_UNKNOWN },
		{ "/metrics/", HTTP_PATH_UNKNOWN },
		{ "/Metrics", HTTP_PATH_UNKNOWN },
		{ "//metrics", HTTP_PATH_UNKNOWN },
		{ "/../metrics", HTTP_PATH_UNKNOWN },
	};
	struct uuid uuid;
	char text[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (http_path_parse(cases[i].path, &uuid) != cases[i].is)
			fail_msg("%s", cases[i].path);
	}
	uuid_format(&uuid, text);
	assert_string_equal(text, "aaaaaaaa-0000-4000-8000-00000000000a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_header),
		cmocka_unit_test(test_listen_tcp),
		cmocka_unit_test(test_listen_others),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
