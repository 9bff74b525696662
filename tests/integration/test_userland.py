# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The agent as a part of a system: service managers, udev, containers."""


def test_userland_boots(bed):
    host = bed.host()
    (vm,) = bed.debian_guests(host, {"vm": ()})
    vm.wait_for_userland()
    assert vm.run("systemctl is-system-running") == "running"
