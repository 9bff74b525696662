# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What a guest's counter showed all the time, written down in the guest."""
import time
from typing import NamedTuple, Optional

from bed.guest import POWERCAP

PATH = "/run/energy"

LOOP = f"""
while :; do
    read -r t _ </proc/uptime
    v=
    {{ read -r v <{POWERCAP}/intel-rapl:0/energy_uj || v=; }} 2>/dev/null
    read -r u _ </proc/uptime
    echo "$t $u ${{v:--}}"
    usleep 50000
done"""


class Reading(NamedTuple):
    """Begun and ended at times of the guest, in seconds since it booted."""
    begin_s: float
    end_s: float
    energy_uj: Optional[int]  # None: it could not be read


def _parse(text):
    lines = [line.split() for line in text.splitlines()]
    return [Reading(float(t), float(u), None if v == "-" else int(v)) for t, u, v in lines]


class Recorder:
    """Reads energy_uj some twenty times a second, until the guest reboots or ends."""

    def __init__(self, guest):
        self.guest = guest
        self.boots = []  # readings of earlier boots
        self._pid = guest.spawn(LOOP, PATH)

    def readings(self, since_s=0.0):
        """Of this boot, those that began after a time."""
        return [r for r in _parse(self.guest.run(f"cat {PATH}")) if r.begin_s >= since_s]

    def end_boot(self):
        """To be called before the guest reboots; begin_boot() after it."""
        self.boots.append(self.readings())

    def begin_boot(self):
        self._pid = self.guest.spawn(LOOP, PATH)

    def now_s(self):
        """A time in the guest that is not after now."""
        return self.at_s(time.monotonic())

    def at_s(self, monotonic_s):
        """The guest's time at a time of this process, or a little before it.

        Its clock must have run evenly since then.
        """
        # The guest was asked before that: its clock said no more than it did then.
        return max(uptime_s - end_s for uptime_s, _, end_s in self._ask()) + monotonic_s

    def by_s(self):
        """A time in the guest that is not before now, and hardly after it."""
        return min(uptime_s - begin_s for uptime_s, begin_s, _ in self._ask()) + time.monotonic()

    def _ask(self):
        """What its clock says, between two times of ours: until they are near to each other,
        or it was asked often."""
        asked = []
        while len(asked) < 3 or len(asked) < 20 and min(e - b for _, b, e in asked) > 0.2:
            begin_s = time.monotonic()
            uptime_s = float(self.guest.run("cat /proc/uptime").split()[0])
            asked.append((uptime_s, begin_s, time.monotonic()))
        return asked

    def check_never_decreases(self):
        for boot in [*self.boots, self.readings()]:
            check_never_decreases(boot)


def check_never_decreases(readings):
    shown = [r for r in readings if r.energy_uj is not None]
    for a, b in zip(shown, shown[1:]):
        assert a.energy_uj <= b.energy_uj, (a, b)
    assert all(r.energy_uj > 0 for r in shown)


def last_uj(readings, until_s):
    """The last value that was read before a time."""
    return [r.energy_uj for r in readings if r.end_s < until_s and r.energy_uj is not None][-1]


def moves_after(readings, since_s, above_uj, within_s):
    """Checks that soon after a time more was shown than above_uj; how long it took.

    Only a reading that began after the time that is allowed can prove that it was not
    kept: a guest that gets no CPU to read with proves nothing.
    """
    for r in readings:
        if r.begin_s < since_s:
            continue
        if r.energy_uj is not None and r.energy_uj > above_uj:
            return r.end_s - since_s
        assert r.begin_s <= since_s + within_s, \
            f"{r}: not above {above_uj} within {within_s} s of {since_s}"
    raise AssertionError(f"it did not move after {since_s}")


def longest_still_s(readings):
    """For how long at least the same value was shown, or none."""
    longest, first = 0.0, None
    for r in readings:
        if first is None or r.energy_uj is not None and r.energy_uj != first.energy_uj:
            first = r
        longest = max(longest, r.begin_s - first.end_s)
    return longest
