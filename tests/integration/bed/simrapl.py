# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The simulated RAPL, and the truth it writes."""
import bisect
import json
import os
import pathlib
import shutil
import tempfile
import time

from bed.process import Process, wait_until


class SimRapl:
    """A simulated RAPL on a host; options are those of simrapl.

    Its sysfs is in memory: some file systems write at each replacement of a file, and
    energy would get old while it waits for the disk. It goes before other processes for
    the same reason.
    """

    def __init__(self, build, directory, host=None, **options):
        self.dir = pathlib.Path(directory)
        self._memory = tempfile.mkdtemp(prefix="vmpower.", dir="/dev/shm")
        # As /sys, it is there for every user.
        pathlib.Path(self._memory).chmod(0o755)
        self.sysfs = pathlib.Path(self._memory, "sys")
        self.truth_path = self.dir / "truth"
        self.dir.mkdir(exist_ok=True)
        command = [build / "tests/simrapl/simrapl", "--dir", self.sysfs, "--truth", self.truth_path]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", value]
        self._truth, self._read = [], 0
        log = self.dir / "simrapl.log"
        self.process = None
        try:
            self.process = host.spawn(command, log) if host else Process(command, log)
            self.process.wait_for_log("ready")
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -20)
        except BaseException:
            self.close()
            raise

    def path(self, zone):
        """Of energy_uj of a zone such as intel-rapl:0:0."""
        return self.sysfs / "class/powercap" / zone / "energy_uj"

    def range_uj(self, zone):
        """Where the zone's counter starts again."""
        return int((self.path(zone).parent / "max_energy_range_uj").read_text())

    def hold(self, zone):
        """From now on the zone's energy_uj is left to the caller."""
        (self.sysfs / "hold").mkdir(exist_ok=True)
        (self.sysfs / "hold" / zone).touch()
        # An update that had begun is over when another one has begun.
        self.at(time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    def release(self, zone):
        (self.sysfs / "hold" / zone).unlink()

    def truth(self):
        """All that was true so far, in the order of time."""
        with open(self.truth_path, "rb") as file:
            file.seek(self._read)
            text = file.read()
        # The last line may be half written.
        text = text[:text.rfind(b"\n") + 1]
        self._read += len(text)
        self._truth += map(json.loads, text.splitlines())
        return self._truth

    def was_late(self, t_ns, by_ns):
        """Whether counters that were read at a time may have been so old: it says what is
        true with an update, and as often as it is told to, but for when it is late."""
        return self.at(t_ns).between_ns >= by_ns

    def at(self, t_ns):
        """What was true at a time of CLOCK_BOOTTIME: a Moment."""
        lines = wait_until(
            lambda: (lines := self.truth()) and lines[-1]["t_ns"] >= t_ns and lines,
            "the truth of that time")
        after = bisect.bisect_left(lines, t_ns, key=lambda line: line["t_ns"])
        assert after > 0, "before the simulation began"
        return Moment(lines[after - 1], lines[after], t_ns)

    def close(self):
        if self.process:
            self.process.close()
        shutil.rmtree(self._memory, ignore_errors=True)


class Moment:
    """Between two lines of the truth. Energies are microjoules since the beginning."""

    def __init__(self, before, after, t_ns):
        self.t_ns = t_ns
        self.between_ns = after["t_ns"] - before["t_ns"]
        self._before = before
        self._after = after
        self._share = (t_ns - before["t_ns"]) / (after["t_ns"] - before["t_ns"])

    def _between(self, *keys):
        a, b = self._before, self._after
        for key in keys:
            a, b = a.get(key, {}), b.get(key, {})
        # What came between the lines was nothing before.
        a, b = a or 0, b or 0
        return a + (b - a) * self._share

    def zone_uj(self, zone, kind="total"):
        """Of package-0, dram-0, ...; kind: total, idle or dynamic."""
        return self._between("zones", zone, f"{kind}_uj")

    def domain_uj(self, uuid, zone):
        """The dynamic energy of a domain."""
        return self._between("domains", uuid, "dynamic_uj", zone)

    def domains(self):
        return set(self._after["domains"])
