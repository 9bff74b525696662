# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The simulated RAPL, and the truth it writes."""
import json
import pathlib
import shutil
import tempfile

from bed.process import Process, wait_until


class SimRapl:
    """A simulated RAPL on a host; options are those of simrapl.

    Its sysfs is in memory: some file systems write at each replacement of a file, and
    energy would get old while it waits for the disk.
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
        log = self.dir / "simrapl.log"
        self.process = None
        try:
            self.process = host.spawn(command, log) if host else Process(command, log)
            self.process.wait_for_log("ready")
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

    def release(self, zone):
        (self.sysfs / "hold" / zone).unlink()

    def truth(self):
        """All that was true so far, in the order of time."""
        text = self.truth_path.read_text()
        # The last line may be half written.
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def at(self, t_ns):
        """What was true at a time of CLOCK_BOOTTIME: a Moment."""
        lines = wait_until(
            lambda: (lines := self.truth()) and lines[-1]["t_ns"] >= t_ns and lines,
            "the truth of that time")
        after = next(i for i, line in enumerate(lines) if line["t_ns"] >= t_ns)
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
