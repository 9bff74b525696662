/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The screen of vmpower top: to the letter in 80 columns, whole in every other size. */
#include "host/top_render.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include <cmocka.h>

#include "tests/unit/fake_snapshot.h"

struct fixture {
	struct snapshot *snapshot;
	struct top_model *model;
	struct top_view view;
	struct top_frame frame;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->snapshot = fake_snapshot_new();
	assert_int_equal(top_model_new(&f->model), 0);
	f->view = (struct top_view){
		.sort = TOP_SORT_WATTS,
		.live = true,
		.utf8 = true,
		.host_name = "hv1",
		.clock = "14:03:22",
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	snapshot_unref(f->snapshot);
	top_model_free(f->model);
	top_frame_deinit(&f->frame);
	free(f);
	return 0;
}

/* The next snapshot, which is as the first one. */
static void begin_tick(struct fixture *f)
{
	uint64_t boottime_ns = f->snapshot->boottime_ns;

	snapshot_unref(f->snapshot);
	f->snapshot = fake_snapshot_new();
	f->snapshot->boottime_ns = boottime_ns + 1;
}

static void take(struct fixture *f)
{
	assert_int_equal(top_model_update(f->model, f->snapshot), 0);
	top_view_arrange(&f->view, f->model);
}

/* All of it as text, which the caller frees. */
static char *render(struct fixture *f, size_t width, size_t height)
{
	char *text = NULL;
	size_t size = 0, n;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(top_frame_reset(&f->frame, width, height), 0);
	n = top_render(f->model, &f->view, &f->frame);
	assert_in_range(n, 0, height);
	top_frame_print(out, &f->frame, n);
	fclose(out);
	return text;
}

static void assert_shows(
	struct fixture *f, size_t width, size_t height, const char *expected)
{
	char *text = render(f, width, height);

	if (!strstr(text, expected))
		fail_msg("\"%s\" is not in\n%s", expected, text);
	free(text);
}

static void assert_shows_not(
	struct fixture *f, size_t width, size_t height, const char *unexpected)
{
	char *text = render(f, width, height);

	if (strstr(text, unexpected))
		fail_msg("\"%s\" is in\n%s", unexpected, text);
	free(text);
}

static void test_80_columns(void **state)
{
	struct fixture *f = *state;
	char *text;

	for (unsigned int i = 0; i < 3; i++) {
		begin_tick(f);
		f->snapshot->domains[0].zones[0].last.dynamic_uj = 4000000 * (i + 1);
		take(f);
	}
	text = render(f, 80, 18);
	assert_string_equal(text,
		"vmpower top  hv1  14:03:22  tick 1.000 s  powercap, measured, idle reserved\n"
		"DOMAIN         VCPU  CPU %   DYN W  IDLE W     JOULES  SHARE GUEST       HISTORY\n"
		"web1              4  130.0   13.00    3.25       16.2   37.8 up              ▄▆█\n"
		"db?[31m           4    0.0    0.00    5.25        5.2   12.2 paused          ███\n"
		"(ended)                       0.00    0.00        0.0    0.0\n"
		"(host)                 5.0   10.50   11.00       21.5   50.0                 ███\n"
		"(unattributed)                0.00                0.0    0.0\n"
		"(all zones)                  43.00               43.0  100.0\n"
		"\n"
		"LAST TICK       DOMAINS +          HOST +  UNATTRIBUTED =      ZONE, uJ\n"
		"package-0      20000000 +      19999999 +             1 =      40000000\n"
		"dram-0          1500000 +       1500000 +             0 =       3000000\n"
		"\n\n\n\n\n"
		"q quit  ? keys  by watts  joules since boot  Enter: domain\n");
	free(text);
	assert_int_equal(top_frame_cell(&f->frame, 2, 0)->look, TOP_LOOK_SELECTED);
	assert_int_equal(top_frame_cell(&f->frame, 3, 0)->look, TOP_LOOK_PLAIN);
}

static void test_ascii_history(void **state)
{
	struct fixture *f = *state;

	f->view.utf8 = false;
	for (unsigned int i = 0; i < 7; i++) {
		begin_tick(f);
		f->snapshot->domains[1].zones[0].last.idle_uj = 1000000 * i;
		f->snapshot->domains[1].zones[1].last.idle_uj = 0;
		take(f);
	}
	assert_shows(f, 80, 20, "paused       _-=+%#\n");
}

/* Nothing is ever beyond the frame, and no cell is anything but a character. */
static void test_every_size(void **state)
{
	struct fixture *f = *state;

	f->snapshot->libvirt_connected = false;
	f->snapshot->late_ns = 500000000;
	f->snapshot->domains[0].name =
		"\xe8\xa8\x88\xe7\xae\x97\xe6\xa9\x9f \x1b]0;x\x07 \xe2\x80\xae long enough to be cut";
	f->snapshot->domains[0].link.agent = "\x1b[2J";
	f->snapshot->domains[1].link.state = LINK_UNREACHABLE;
	f->snapshot->domains[1].link.error = "\x9b 31m";
	take(f);
	for (unsigned int detail = 0; detail < 2; detail++) {
		f->view.detail = detail;
		for (size_t width = 1; width <= 200; width += width < 40 ? 3 : 1) {
			for (size_t height = 1; height < 40; height += 3)
				free(render(f, width, height));
			for (size_t i = 0; i < f->frame.width * f->frame.height; i++) {
				wchar_t character = f->frame.cells[i].character;

				assert_true(
					character == 0 || (iswprint((wint_t)character) &&
								  character != 0x202e));
			}
		}
	}
}

/* In few lines there are the domains and the host before all else. */
static void test_heights(void **state)
{
	static const struct {
		size_t height;
		const char *shown, *hidden;
	} cases[] = {
		{ 1, "vmpower top", "DOMAIN " },
		{ 3, "web1", "(host)" },
		{ 7, "(host)", "db?" },
		{ 8, "db?", "q quit" },
		{ 9, "q quit", "LAST TICK" },
		{ 11, "package-0", "dram-0" },
		{ 12, "dram-0", "\n\n" },
		{ 13, "\n\nLAST TICK", "guest:" },
	};
	struct fixture *f = *state;

	take(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_shows(f, 80, cases[i].height, cases[i].shown);
		assert_shows_not(f, 80, cases[i].height, cases[i].hidden);
	}
}

static void test_narrow(void **state)
{
	struct fixture *f = *state;

	take(f);
	assert_shows(f, 40, 24, "DOMAIN          CPU %   DYN W  IDLE W\nweb1");
	assert_shows(f, 40, 24, "LAST TICK      ZONE, uJ\npackage-0      40000000\n");
	assert_shows(
		f, 60, 24, "LAST TICK    DOMAINS +       HOST +     NOBODY =   ZONE, uJ");
}

static void test_flags(void **state)
{
	struct fixture *f = *state;

	/* Before there is anything to show, too. */
	f->view.trouble = "cannot connect";
	assert_shows(f, 80, 24, "top  hv1\nvmpower-hostd is away: cannot connect\n");
	f->snapshot->source = "estimate";
	f->snapshot->quality = MESSAGE_DEGRADED;
	f->snapshot->late_ns = 350000000;
	f->snapshot->libvirt_connected = false;
	f->snapshot->zones[1].state = TICK_ZONE_EXCLUDED;
	f->snapshot->zones[1].problem = "energy_uj is empty;\treload it";
	f->snapshot->zones[0].state = TICK_ZONE_AMBIGUOUS;
	take(f);
	assert_shows(f, 80, 30,
		"degraded, idle reserved\n"
		"vmpower-hostd is away: cannot connect\n"
		"What follows is the last tick known, of 14:03:22\n"
		"Estimate: from CPU time, not a measurement\n"
		"Degraded: something is missing in this tick\n"
		"Late: this tick began 0.35 s after its time\n"
		"libvirt is away: domains are as last known\n"
		"package-0 may have wrapped unseen\n"
		"dram-0 is excluded: energy_uj is empty;?reload it\nDOMAIN");
	/* Where there is less room, how many are not shown. */
	assert_shows(f, 60, 12, "a measurement                +5\nDOMAIN");
	assert_shows(f, 60, 9, "cannot connect                     +7\nDOMAIN");
	/* Long ones take more than a line. */
	f->view.trouble =
		"cannot connect to /run/vmpower/hostd.sock: Connection refused; "
		"vmpower-hostd is not running there: start it, or name its --run-dir";
	assert_shows(f, 80, 40,
		"\nvmpower-hostd is away: cannot connect to /run/vmpower/hostd.sock: Connection\n"
		"refused; vmpower-hostd is not running there: start it, or name its --run-dir\n");
	f->view.trouble = "0123456789012345678901234567890123456789";
	assert_shows(f, 33, 40, "away:\n012345678901234567890123456789012\n3456789\n");
	f->view.trouble = NULL;
	f->view.age_ns = 2900000000u;
	assert_shows_not(f, 80, 30, "No new tick");
	f->view.age_ns = 12000000000u;
	assert_shows(f, 80, 30, "No new tick for 12 s, since 14:03:22\n");
}

static void test_detail(void **state)
{
	struct fixture *f = *state;

	take(f);
	assert_int_equal(
		top_view_key(&f->view, f->model, TOP_KEY_ENTER), TOP_ACTION_REDRAW);
	f->snapshot->domains[0].link.since_ns = f->snapshot->boottime_ns - 61000000000u;
	assert_shows(f, 80, 30,
		"\nweb1  11111111-2222-4333-8444-555555555555\n"
		"guest: up for 61 s, agent vmpower-guest/0.1.0, sample 41\n"
		"ZONE              DYN W   IDLE W        DYN J       IDLE J OF ZONE\n"
		"package-0         12.00     3.00         12.0          3.0    37.5\n"
		"dram-0             1.00     0.25          1.0          0.2    41.7\n"
		"   0:  99.8 %  CPU 10 (0)    1:  27.0 %  CPU 11 (0)    2:   0.0 %  CPU 12 (0)\n"
		"   3:   0.2 %  CPU 13 (0)\n");
	/* It is more than what else there is. */
	assert_shows(f, 80, 16, "\nguest: up");
	assert_shows_not(f, 80, 16, "LAST TICK");
	top_view_key(&f->view, f->model, TOP_KEY_DOWN);
	assert_shows(
		f, 80, 30, "\ndb?[31m  66666666-2222-4333-8444-555555555555  paused\n");
	top_view_key(&f->view, f->model, TOP_KEY_ESCAPE);
	assert_shows_not(f, 80, 30, "guest:");
	top_view_key(&f->view, f->model, '?');
	assert_shows(f, 80, 30, "vmpower top: keys\n");
}

static void test_once(void **state)
{
	struct fixture *f = *state;

	/* Those that have ended since are domains, too. */
	f->snapshot->zones[0].last.ended = (struct tick_share){ 300000, 200000 };
	f->snapshot->zones[0].last.total_uj += 500000;
	f->view.live = false;
	take(f);
	assert_shows(
		f, 80, 40, "\npackage-0      20500000 +      19999999 +             1 =");
	assert_shows(f, 80, top_render_height(f->model, &f->view, 80), "dram-0 ");
	assert_shows_not(f, 80, top_render_height(f->model, &f->view, 80), "HISTORY");
	assert_shows_not(f, 80, top_render_height(f->model, &f->view, 80), "q quit");
	assert_int_equal(top_frame_cell(&f->frame, 2, 0)->look, TOP_LOOK_PLAIN);
}

/* Domains of which the last ones have most. */
static void take_many(struct fixture *f, unsigned int n, uint64_t boottime_ns)
{
	snapshot_unref(f->snapshot);
	f->snapshot = snapshot_new(1, n);
	f->snapshot->boottime_ns = boottime_ns;
	f->snapshot->dt_ns = f->snapshot->zones[0].last_ns = 1000000000;
	f->snapshot->source = f->snapshot->idle_policy = "x";
	f->snapshot->libvirt_connected = true;
	f->snapshot->zones[0].kind = MACHINE_ZONE_PACKAGE;
	for (unsigned int i = 0; i < n; i++) {
		struct snapshot_domain *domain = &f->snapshot->domains[i];
		char name[16];

		snprintf(name, sizeof(name), "vm%02u.", i);
		domain->name = snapshot_copy_text(f->snapshot, name);
		domain->uuid.bytes[0] = (uint8_t)(1 + i);
		domain->zones[0].last.dynamic_uj = i * 1000000;
	}
	take(f);
}

static void test_scrolling(void **state)
{
	static const struct {
		int key;
		const char *cursor; /* the name selected, */
		const char *first;  /* the first one shown, */
		const char *range;
	} steps[] = {
		{ 0, "vm29.", "vm29.", "1-15 of 30" },
		{ TOP_KEY_UP, "vm29.", "vm29.", "1-15 of 30" },
		{ TOP_KEY_DOWN, "vm28.", "vm29.", "1-15 of 30" },
		{ TOP_KEY_PAGE_DOWN, "vm14.", "vm28.", "2-16 of 30" },
		{ TOP_KEY_END, "vm00.", "vm14.", "16-30 of 30" },
		{ TOP_KEY_DOWN, "vm00.", "vm14.", "16-30 of 30" },
		{ TOP_KEY_PAGE_UP, "vm14.", "vm14.", "16-30 of 30" },
		{ TOP_KEY_HOME, "vm29.", "vm29.", "1-15 of 30" },
		/* The one selected stays so, wherever it goes. */
		{ 'r', "vm29.", "vm15.", "16-30 of 30" },
		{ 'x', "vm29.", "vm15.", "16-30 of 30" },
		{ 'n', "vm29.", "vm15.", "by name  " },
		{ 'n', "vm29.", "vm29.", "by name, reversed  " },
		{ '>', "vm29.", "vm15.", "by vcpus  " },
		{ '<', "vm29.", "vm15.", "by name  " },
		{ 'e', "vm29.", "vm15.", "since top began" },
	};
	struct fixture *f = *state;

	take_many(f, 30, 1);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *text;

		if (steps[i].key)
			top_view_key(&f->view, f->model, steps[i].key);
		text = render(f, 100, 24);
		assert_string_equal(
			top_model_row(f->model, f->view.cursor)->name, steps[i].cursor);
		assert_memory_equal(strstr(text, "HISTORY\n") + 8, steps[i].first, 5);
		assert_non_null(strstr(text, steps[i].range));
		free(text);
	}
	assert_int_equal(top_view_key(&f->view, f->model, 'q'), TOP_ACTION_QUIT);
	assert_int_equal(top_view_key(&f->view, f->model, 'x'), TOP_ACTION_NONE);
	assert_int_equal(top_view_key(&f->view, f->model, 0x0c), TOP_ACTION_REPAINT);
}

static void test_selected_domain_ends(void **state)
{
	struct fixture *f = *state;

	take_many(f, 30, 1);
	/* Where it was there is another one now. */
	top_view_key(&f->view, f->model, TOP_KEY_DOWN);
	take_many(f, 12, 2);
	assert_string_equal(top_model_row(f->model, f->view.cursor)->name, "vm10.");
	top_view_key(&f->view, f->model, TOP_KEY_END);
	top_view_key(&f->view, f->model, 'r');
	take_many(f, 5, 3);
	assert_shows(f, 80, 24, "vm04.");
	assert_string_equal(top_model_row(f->model, f->view.cursor)->name, "vm00.");
	take_many(f, 0, 4);
	top_view_key(&f->view, f->model, TOP_KEY_ENTER);
	assert_shows(f, 80, 24, "(host)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_80_columns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ascii_history, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_heights, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_narrow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_detail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scrolling, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_selected_domain_ends, set_up, tear_down),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
