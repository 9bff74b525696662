# SPDX-License-Identifier: LGPL-2.1-or-later
# What packagers and operators take as it is.
EXTRA_DIST += packaging/quickstart packaging/systemd/vmpower-guest.service
