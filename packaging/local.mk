# SPDX-License-Identifier: LGPL-2.1-or-later
# What packagers and operators take: units, rules, scripts, and the one command that
# shows it all. Where configure was told "no", or did not find out, nothing is installed.
generated =
EXTRA_DIST += packaging/README.md packaging/logrotate/vmpower packaging/quickstart

if SYSTEMD
units =
if HOST
units += packaging/systemd/vmpower-enroll.service packaging/systemd/vmpower-hostd.service
endif
if GUEST
units += packaging/systemd/vmpower-guest.service
endif
nodist_systemdsystemunit_DATA = $(units)
generated += $(units)
endif
EXTRA_DIST += \
	packaging/systemd/vmpower-enroll.service.in \
	packaging/systemd/vmpower-guest.service.in \
	packaging/systemd/vmpower-hostd.service.in

if SYSUSERS
sysusers_DATA = packaging/sysusers.d/vmpower.conf
endif
EXTRA_DIST += packaging/sysusers.d/vmpower.conf

if GUEST
if UDEV
udevrules_DATA = packaging/udev/70-vmpower-guest.rules
endif
generated += packaging/openrc/vmpower-guest
if OPENRC
nodist_openrc_SCRIPTS = packaging/openrc/vmpower-guest
else
noinst_DATA = packaging/openrc/vmpower-guest
endif
endif
EXTRA_DIST += \
	packaging/udev/70-vmpower-guest.rules \
	packaging/openrc/vmpower-guest.in \
	packaging/cloud-init/vmpower-guest.yaml \
	packaging/container/Containerfile \
	packaging/container/README.md \
	packaging/container/config.json

CLEANFILES += packaging/systemd/vmpower-enroll.service \
	packaging/systemd/vmpower-hostd.service packaging/systemd/vmpower-guest.service \
	packaging/openrc/vmpower-guest
# So that a user's installation, which is what distcheck makes, needs no rights.
AM_DISTCHECK_CONFIGURE_FLAGS = --with-openrcdir='$$dc_install_base/etc/init.d'

$(generated): Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(SED) 's|@sbindir[@]|$(sbindir)|; s|@bindir[@]|$(bindir)|' $(srcdir)/$@.in > $@
packaging/systemd/vmpower-enroll.service: $(srcdir)/packaging/systemd/vmpower-enroll.service.in
packaging/systemd/vmpower-hostd.service: $(srcdir)/packaging/systemd/vmpower-hostd.service.in
packaging/systemd/vmpower-guest.service: $(srcdir)/packaging/systemd/vmpower-guest.service.in
packaging/openrc/vmpower-guest: $(srcdir)/packaging/openrc/vmpower-guest.in
