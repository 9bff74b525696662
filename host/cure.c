/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The doctor's commands. */
#include "config.h"

#include "host/cure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/text.h"
#include "shared/cleanup.h"

static char *__attribute__((__format__(printf, 1, 2))) compose(const char *format, ...)
{
	va_list args;
	char *text;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	return r < 0 ? NULL : text;
}

/* In the background, and not ended with the terminal. */
static char *detached(const char *command)
{
	return compose("setsid %s </dev/null >/dev/null 2>&1 &", command);
}

/* The flag and its value, unless that is the default. false: no memory. */
static bool print_flag(FILE *out, const char *flag, const char *value, const char *normal)
{
	cleanup_free char *quoted = NULL;

	if (strcmp(value, normal) == 0)
		return true;
	quoted = text_quote(value);
	if (quoted)
		fprintf(out, " --%s %s", flag, quoted);
	return quoted != NULL;
}

/* vmpower-hostd with the places that vmpower was given. */
static char *hostd_command(const struct facts_paths *paths)
{
	cleanup_free char *command = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&command, &size);
	bool ok;

	if (!out)
		return NULL;
	fputs("vmpower-hostd", out);
	ok = print_flag(out, "sysfs", paths->sysfs, "/sys") &&
	     print_flag(out, "procfs", paths->procfs, "/proc") &&
	     print_flag(out, "libvirt-run-dir", paths->libvirt_run_dir, "/run/libvirt") &&
	     print_flag(out, "connect", paths->connect, "qemu:///system") &&
	     print_flag(out, "run-dir", paths->run_dir, RUNDIR) &&
	     print_flag(out, "config", paths->config, SYSCONFDIR "/hostd.conf");
	if (fclose(out) != 0 || !ok)
		return NULL;
	return steal_pointer(&command);
}

char *cure_start_hostd(const struct facts *facts)
{
	cleanup_free char *command = NULL;

	if (facts->has_systemd)
		return strdup("systemctl start vmpower-hostd");
	command = hostd_command(facts->paths);
	return command ? detached(command) : NULL;
}

char *cure_restart_hostd(const struct facts *facts)
{
	const struct facts_hostd *hostd = &facts->hostd;
	cleanup_free char *start = NULL;

	if (facts->has_systemd)
		return strdup("systemctl restart vmpower-hostd");
	if (hostd->server.pid == 0)
		return cure_start_hostd(facts);
	start = hostd->server_command ? detached(hostd->server_command)
				      : cure_start_hostd(facts);
	if (!start)
		return NULL;
	return compose("kill %d; while kill -0 %d 2>/dev/null; do sleep 0.1; done; %s",
		(int)hostd->server.pid, (int)hostd->server.pid, start);
}

char *cure_start_libvirt(const struct facts *facts)
{
	bool modular = facts->libvirt.modular;

	if (facts->has_systemd)
		return compose("systemctl start %s", modular ? "virtqemud" : "libvirtd");
	return compose("%s -d", modular ? "virtqemud" : "libvirtd");
}

char *cure_restart_libvirt(const struct facts *facts)
{
	const char *name = facts->libvirt.modular ? "virtqemud" : "libvirtd";

	if (facts->has_systemd)
		return compose("systemctl restart %s", name);
	/* Guests go on running. KILL, for a stopped one takes no other signal. */
	return compose("kill -KILL $(pidof %s); sleep 1; %s -d", name, name);
}

char *cure_open_libvirt(const struct facts *facts)
{
	const char *file = facts->libvirt.modular ? "/etc/libvirt/virtqemud.conf"
						  : "/etc/libvirt/libvirtd.conf";
	cleanup_free char *restart = cure_restart_libvirt(facts);

	if (!restart)
		return NULL;
	return compose("sed -i '/^[[:blank:]]*auth_unix_ro[[:blank:]]*=/d' %s; "
		       "echo 'auth_unix_ro = \"none\"' >>%s; %s",
		file, file, restart);
}

char *cure_set_source(const struct facts *facts, const char *source)
{
	cleanup_free char *file = text_quote(facts->paths->config);
	cleanup_free char *restart = cure_restart_hostd(facts);

	if (!file || !restart)
		return NULL;
	/* A global key: it has to stand before the first section. */
	return compose("mkdir -p $(dirname %s); touch %s; "
		       "sed -i '/^[[:blank:]]*source[[:blank:]]*=/d' %s; "
		       "{ echo 'source = %s'; cat %s; } >%s.new && mv %s.new %s; %s",
		file, file, file, source, file, file, file, file, restart);
}

char *cure_undo_calibration(const struct facts *facts)
{
	const char *file = facts->hostd.snapshot->calibration_file;
	const char *slash = strrchr(file, '/');
	cleanup_free char *state_dir = slash ? strndup(file, (size_t)(slash - file))
					     : strdup(".");
	cleanup_free char *command = NULL;
	size_t size = 0;
	FILE *out = state_dir ? open_memstream(&command, &size) : NULL;
	bool ok;

	if (!out)
		return NULL;
	fputs("vmpower calibrate --undo", out);
	ok = print_flag(out, "run-dir", facts->paths->run_dir, RUNDIR) &&
	     print_flag(out, "state-dir", state_dir, STATEDIR);
	if (fclose(out) != 0 || !ok)
		return NULL;
	return steal_pointer(&command);
}

char *cure_enroll(const struct facts *facts, const char *domain, bool a_restart)
{
	cleanup_free char *name = text_quote(domain), *command = NULL;
	const char *connect = facts->paths->connect;
	cleanup_free char *uri = text_quote(connect);

	if (!name || !uri)
		return NULL;
	if (strcmp(connect, "qemu:///system") == 0)
		command = compose("vmpower enroll %s", name);
	else
		command = compose("vmpower enroll --connect %s %s", uri, name);
	if (!command || !a_restart)
		return steal_pointer(&command);
	return compose(
		"%s; virsh -c %s shutdown %s; "
		"until virsh -c %s domstate %s | grep -q 'shut off'; do sleep 1; done; "
		"virsh -c %s start %s",
		command, uri, name, uri, name, uri, name);
}
