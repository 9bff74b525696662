/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The attribute table with its renderers and stores. How nodes hang together: tree.c. */
#include "fuse-powercap/attribute.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/number.h"
#include "shared/uuid.h"

#define CONTROL_TYPE "intel-rapl"
#define DEVICES_PATH "devices/virtual/powercap/"
/* Of an event; the kernel has about so much room for them. */
#define EVENT_ARGUMENTS_MAX 2048

static ssize_t render_text(char text[POWERCAP_TREE_TEXT_SIZE], const char *line)
{
	return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "%s", line);
}

static ssize_t render_number(char text[POWERCAP_TREE_TEXT_SIZE], uint64_t number)
{
	size_t len = number_format_u64(text, number);

	text[len++] = '\n';
	text[len] = '\0';
	return (ssize_t)len;
}

static ssize_t render_name(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	const struct powercap_zone *zone = powercap_slot_zone(tree, node.slot);

	return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "%s\n", zone->name);
}

static ssize_t render_energy(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	uint64_t energy_uj;
	int r;

	r = tree->options.read_energy(tree->options.context, node.slot - 1, &energy_uj);
	if (r < 0)
		return r;
	return render_number(text, energy_uj);
}

static ssize_t render_range(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	const struct powercap_zone *zone = powercap_slot_zone(tree, node.slot);

	return render_number(text, zone->max_energy_range_uj);
}

static const struct powercap_constraint *constraint_of(
	const struct powercap_tree *tree, struct powercap_node node)
{
	return powercap_zone_constraint(powercap_slot_zone(tree, node.slot),
		powercap_attributes[node.row].constraint);
}

static ssize_t render_constraint_name(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	const char *name = constraint_of(tree, node)->name;

	return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "%s\n", name);
}

static ssize_t render_power_limit(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	return render_number(text, constraint_of(tree, node)->power_limit_uw);
}

static ssize_t render_time_window(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	return render_number(text, constraint_of(tree, node)->time_window_us);
}

static ssize_t render_max_power(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	return render_number(text, constraint_of(tree, node)->max_power_uw);
}

static ssize_t render_power_control(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	return render_text(text, tree->power_on[node.slot] ? "on\n" : "auto\n");
}

static ssize_t render_eio(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	(void)tree;
	(void)node;
	(void)text;
	return -EIO;
}

/* From the class to a device: down the tree of devices, through its package's. */
static ssize_t render_link(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	bool both = tree->options.layout == POWERCAP_LAYOUT_BOTH;
	char package[POWERCAP_ZONE_ID_SIZE] = "", zone[POWERCAP_ZONE_ID_SIZE] = "";
	unsigned int depth = powercap_slot_depth(tree, node.slot);

	if (depth > 0)
		powercap_model_format_id(&tree->model, node.slot - 1, zone);
	if (depth > 1)
		powercap_model_format_id(
			&tree->model, powercap_slot_parent(tree, node.slot) - 1, package);
	return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "%s%s%s%s%s%s",
		both ? "../../" DEVICES_PATH : "", CONTROL_TYPE, depth > 1 ? "/" : "",
		package, depth > 0 ? "/" : "", zone);
}

static ssize_t render_device(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	unsigned int parent = powercap_slot_parent(tree, node.slot);
	char id[POWERCAP_ZONE_ID_SIZE] = CONTROL_TYPE;

	if (parent > 0)
		powercap_model_format_id(&tree->model, parent - 1, id);
	return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "../../%s", id);
}

/* From a device up to the class, which in the flat layout is the root. */
static ssize_t render_subsystem(
	const struct powercap_tree *tree, struct powercap_node node, char *text)
{
	static const char ups[] = "../../../../../..";
	bool both = tree->options.layout == POWERCAP_LAYOUT_BOTH;
	int n_ups = (int)powercap_slot_depth(tree, node.slot) + (both ? 4 : 1);

	return snprintf(text, POWERCAP_TREE_TEXT_SIZE, "%.*s%s", 3 * n_ups - 1, ups,
		both ? "/class/powercap" : "");
}

/*
 * What the stores below take is what the kernel's do, to the byte: each ends at a NUL,
 * and only some at a newline.
 */

/* What the kernel's kstrtobool() takes: it looks at the beginning only. */
static bool is_boolean(const char *data, size_t len)
{
	len = strnlen(data, len);
	if (len > 1 && (data[0] == 'o' || data[0] == 'O'))
		return memchr("nNfF", data[1], 4);
	return len > 0 && memchr("yYtT1nNfF0", data[0], 10);
}

static int store_enabled(
	struct powercap_tree *tree, unsigned int slot, const char *data, size_t len)
{
	(void)tree;
	(void)slot;
	return is_boolean(data, len) ? -ENOSYS : -EINVAL;
}

/* What kstrtoull() takes: one newline at the end does not count. */
static int parse_value(const char *data, size_t len, uint64_t *ret_value)
{
	size_t sign = len > 0 && data[0] == '+';

	return number_parse_u64(data + sign, strnlen(data, len) - sign, ret_value);
}

/* 0 would reset a counter that can be; the kernel takes all others for nothing. */
static int store_energy(
	struct powercap_tree *tree, unsigned int slot, const char *data, size_t len)
{
	uint64_t value;

	(void)tree;
	(void)slot;
	return parse_value(data, len, &value) < 0 || value == 0 ? -EINVAL : 0;
}

static int store_limit(
	struct powercap_tree *tree, unsigned int slot, const char *data, size_t len)
{
	uint64_t value;

	(void)tree;
	(void)slot;
	return parse_value(data, len, &value) < 0 ? -EINVAL : -ENODATA;
}

static bool is_word(const char *word, const char *data, size_t len)
{
	return strlen(word) == len && memcmp(word, data, len) == 0;
}

static size_t count_alphanumeric(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && isalnum((unsigned char)text[n]))
		n++;
	return n;
}

/* " KEY=VALUE", any number of times. */
static bool are_pairs(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n;

		if (text[at++] != ' ')
			return false;
		n = count_alphanumeric(text + at, len - at);
		at += n;
		if (n == 0 || at == len || text[at++] != '=')
			return false;
		n = count_alphanumeric(text + at, len - at);
		at += n;
		if (n == 0)
			return false;
	}
	return true;
}

static bool are_event_arguments(const char *text, size_t len)
{
	char id[UUID_TEXT_SIZE];
	struct uuid uuid;

	if (len < UUID_TEXT_SIZE - 1 || len > EVENT_ARGUMENTS_MAX)
		return false;
	memcpy(id, text, UUID_TEXT_SIZE - 1);
	id[UUID_TEXT_SIZE - 1] = '\0';
	return uuid_parse(id, &uuid) == 0 &&
	       are_pairs(text + UUID_TEXT_SIZE - 1, len - (UUID_TEXT_SIZE - 1));
}

/* udevadm trigger writes here; nobody listens to a virtual device. */
static int store_uevent(
	struct powercap_tree *tree, unsigned int slot, const char *data, size_t len)
{
	static const char *const actions[] = { "add", "remove", "change", "move",
		"online", "offline", "bind", "unbind" };
	size_t end = len > 0 && (data[len - 1] == '\n' || !data[len - 1]) ? len - 1 : len;
	const char *space = memchr(data, ' ', end);
	size_t action_len = space ? (size_t)(space - data) : end;

	(void)tree;
	(void)slot;
	if (space && !are_event_arguments(space + 1, end - action_len - 1))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (is_word(actions[i], data, action_len))
			return 0;
	}
	return -EINVAL;
}

static int store_power_control(
	struct powercap_tree *tree, unsigned int slot, const char *data, size_t len)
{
	len = strnlen(data, len);
	if (len > 0 && data[len - 1] == '\n')
		len--;
	if (is_word("auto", data, len))
		tree->power_on[slot] = false;
	else if (is_word("on", data, len))
		tree->power_on[slot] = true;
	else
		return -EINVAL;
	return 0;
}

static int store_eio(
	struct powercap_tree *tree, unsigned int slot, const char *data, size_t len)
{
	(void)tree;
	(void)slot;
	(void)data;
	(void)len;
	return -EIO;
}

#define DIRECTORY(dir_name, in, kind)                                                    \
	{                                                                                \
		.name = dir_name, .mode = S_IFDIR | 0755, .within = in, .holds = kind    \
	}
#define LINK(link_name, in, renders)                                                     \
	{                                                                                \
		.name = link_name, .mode = S_IFLNK | 0777, .within = in,                 \
		.render = renders                                                        \
	}
#define FIXED(file_name, in, reads)                                                      \
	{                                                                                \
		.name = file_name, .mode = S_IFREG | 0444, .within = in, .text = reads   \
	}
#define READ_ONLY(file_name, in, renders)                                                \
	{                                                                                \
		.name = file_name, .mode = S_IFREG | 0444, .within = in,                 \
		.render = renders                                                        \
	}
#define CONSTRAINT(number, what, in, permissions, renders, stores)                       \
	{                                                                                \
		.name = "constraint_" #number "_" what, .mode = S_IFREG | permissions,   \
		.within = in, .constraint = number, .render = renders, .store = stores   \
	}
#define CONSTRAINTS(number, in)                                                          \
	CONSTRAINT(number, "name", in, 0444, render_constraint_name, NULL),              \
		CONSTRAINT(number, "power_limit_uw", in, 0644, render_power_limit,       \
			store_limit),                                                    \
		CONSTRAINT(number, "time_window_us", in, 0644, render_time_window,       \
			store_limit),                                                    \
		CONSTRAINT(number, "max_power_uw", in, 0444, render_max_power, NULL)

const struct powercap_attribute powercap_attributes[] = {
	[ROW_FLAT] = DIRECTORY("", 0, DIR_FLAT),
	[ROW_TOP] = DIRECTORY("", 0, DIR_TOP),
	DIRECTORY("class", DIR_TOP, DIR_CLASS),
	DIRECTORY("powercap", DIR_CLASS, DIR_LINKS),
	DIRECTORY("devices", DIR_TOP, DIR_DEVICES),
	DIRECTORY("virtual", DIR_DEVICES, DIR_VIRTUAL),
	DIRECTORY("powercap", DIR_VIRTUAL, DIR_CONTROLS),

	LINK(CONTROL_TYPE, DIR_LINKS, render_link),
	{ .mode = S_IFLNK | 0777,
		.within = DIR_LINKS | DIR_FLAT,
		.repeat = EACH_ZONE,
		.render = render_link },

	DIRECTORY(CONTROL_TYPE, DIR_CONTROLS | DIR_FLAT, DIR_CONTROL),
	{ .mode = S_IFDIR | 0755,
		.within = DIR_CONTROL,
		.holds = DIR_PACKAGE,
		.repeat = EACH_CHILD },
	{ .mode = S_IFDIR | 0755,
		.within = DIR_PACKAGE,
		.holds = DIR_DRAM,
		.repeat = EACH_CHILD },

	READ_ONLY("name", DIR_ZONE, render_name),
	{ .name = "energy_uj",
		.mode = S_IFREG,
		.configurable = true,
		.moves = true,
		.within = DIR_ZONE,
		.render = render_energy,
		.store = store_energy },
	READ_ONLY("max_energy_range_uj", DIR_ZONE, render_range),
	{ .name = "enabled",
		.mode = S_IFREG | 0644,
		.within = DIR_DEVICE,
		.text = "1\n",
		.store = store_enabled },
	CONSTRAINTS(0, DIR_ZONE),
	CONSTRAINTS(1, DIR_PACKAGE),

	{ .name = "uevent",
		.mode = S_IFREG | 0644,
		.within = DIR_DEVICE,
		.text = "",
		.store = store_uevent },
	LINK("device", DIR_ZONE, render_device),
	LINK("subsystem", DIR_DEVICE, render_subsystem),
	DIRECTORY("power", DIR_DEVICE, DIR_POWER),

	{ .name = "control",
		.mode = S_IFREG | 0644,
		.within = DIR_POWER,
		.render = render_power_control,
		.store = store_power_control },
	{ .name = "autosuspend_delay_ms",
		.mode = S_IFREG | 0644,
		.within = DIR_POWER,
		.render = render_eio,
		.store = store_eio },
	FIXED("runtime_status", DIR_POWER, "unsupported\n"),
	FIXED("runtime_active_time", DIR_POWER, "0\n"),
	FIXED("runtime_suspended_time", DIR_POWER, "0\n"),
};

const unsigned int powercap_n_attributes = sizeof(powercap_attributes) /
					   sizeof(powercap_attributes[0]);
