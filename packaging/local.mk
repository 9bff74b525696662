# SPDX-License-Identifier: LGPL-2.1-or-later
# What packagers and operators take: units, and the one command that shows it all.
units =
if HOST
units += packaging/systemd/vmpower-enroll.service packaging/systemd/vmpower-hostd.service
endif
if GUEST
units += packaging/systemd/vmpower-guest.service
endif

# Below the prefix, so that a user's installation needs no rights in the system's.
systemdunitdir = $(prefix)/lib/systemd/system
nodist_systemdunit_DATA = $(units)
CLEANFILES += packaging/systemd/vmpower-enroll.service \
	packaging/systemd/vmpower-hostd.service packaging/systemd/vmpower-guest.service
EXTRA_DIST += \
	packaging/quickstart \
	packaging/systemd/vmpower-enroll.service.in \
	packaging/systemd/vmpower-guest.service.in \
	packaging/systemd/vmpower-hostd.service.in

packaging/systemd/vmpower-enroll.service: $(srcdir)/packaging/systemd/vmpower-enroll.service.in Makefile
packaging/systemd/vmpower-hostd.service: $(srcdir)/packaging/systemd/vmpower-hostd.service.in Makefile
packaging/systemd/vmpower-guest.service: $(srcdir)/packaging/systemd/vmpower-guest.service.in Makefile
$(units):
	$(AM_V_GEN)$(MKDIR_P) packaging/systemd && \
	$(SED) 's|@sbindir[@]|$(sbindir)|; s|@bindir[@]|$(bindir)|' $(srcdir)/$@.in > $@
