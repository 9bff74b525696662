# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A guest's clock."""
import time


class Clock:
    """The guest's, which under TCG may be a few percent fast or slow, by the host's."""

    def __init__(self, guest):
        self._guest = guest
        self._pairs = []

    def set(self):
        def ask():
            begin = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            uptime_s = float(self._guest.run("cut -d' ' -f1 /proc/uptime"))
            took = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - begin
            return took, uptime_s, begin + took // 2
        self._pairs.append(min(ask() for _ in range(5))[1:])

    def host_ns(self, uptime_s):
        (a_s, a_ns), (b_s, b_ns) = self._pairs[0], self._pairs[-1]
        return round(a_ns + (uptime_s - a_s) * (b_ns - a_ns) / (b_s - a_s))
