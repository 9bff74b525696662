# SPDX-License-Identifier: LGPL-2.1-or-later
# vmpower-hostd and vmpower: sources, attribution, ledger, links, command line.
