# SPDX-License-Identifier: LGPL-2.1-or-later
# The powercap tree: what it looks like (pure) and its mount.
