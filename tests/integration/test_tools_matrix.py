# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Every tool at the same time, for a minute, against the ledger."""
import contextlib
import math
import re
import shlex
import subprocess
import time
from typing import NamedTuple

import pytest

from bed import TESTBED
from bed.clock import Clock
from bed.process import wait_until
from bed.tools import COUNTERS, DAEMONS, METERS, STAMP, scraped, uptimes
from bed.watch import Watch

WINDOW_S = 60
QUICK_S = 1
ZONES = {"package": 0, "dram": 1}

# Of Debian 12, and of the registries; the README has them, too.
VERSIONS = {"prometheus-node-exporter": "1.5.0", "powercap-utils": "0.6.0", "pcp": "6.0.3",
            "powerstat": "0.03.01", "s-tui": "1.1.4", "powertop": "2.14"}


class Reading(NamedTuple):
    """The mean power that a tool saw, and the least and the most that it can have been."""
    watts: dict
    least: dict
    most: dict
    took_s: float


def length_s(text):
    """Between its first time and its last; without end if it has no two."""
    try:
        begin_s, end_s = uptimes(text)
    except AssertionError:
        return math.inf
    return end_s - begin_s


class Rig:
    def __init__(self, guest, watch, missing):
        self.guest = guest
        self.watch = watch
        self.missing = missing  # reasons, by package
        self.clock = Clock(guest)
        self.outputs = {}  # what the tools printed: a list of texts each

    def install(self, kind, tools):
        """Makes a script of each, and returns those that there are."""
        there = {name: t for name, t in tools.items() if t.package not in self.missing}
        for name, tool in there.items():
            path = shlex.quote(f"/tmp/{kind}/{name}")
            script = tool.command.format(stamp=STAMP, seconds=WINDOW_S)
            self.guest.run(f"mkdir -p /tmp/{kind} && printf %s {shlex.quote(script)} >{path}")
        return there

    def count(self):
        """What each counter said the quicker time: it read at some time within."""
        best = {}
        for _ in range(2):
            out = self.guest.run("cd /tmp/counters; for tool in *; do echo \"== $tool\"; "
                                 "nice -n -10 sh \"$tool\" 2>&1; done")
            for part in re.split("^== ", out, flags=re.MULTILINE)[1:]:
                name, text = part.split("\n", 1)
                best[name] = min(best.get(name, (math.inf, text)), (length_s(text), text))
            if max(took for took, _ in best.values()) < QUICK_S:
                break
            # Scaphandre tells the same again to who asks within two seconds.
            time.sleep(2.5)
        for name, (_, text) in best.items():
            self.outputs.setdefault(name, []).append(text)

    def measure(self):
        """All at the same time."""
        self.install("counters", COUNTERS)
        meters = self.install("meters", METERS)
        self.clock.set()
        self.guest.spawn("cd /tmp/meters; for tool in *; do "
                         "{ sh \"$tool\" >\"$tool.out\" 2>\"$tool.err\"; "
                         "touch \"$tool.ended\"; } & done")
        self.count()
        self.watch.sleep(WINDOW_S)
        self.count()
        # One that does not end fails its own test alone.
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.guest.run("ls /tmp/meters/*.ended | wc -l") ==
                       str(len(meters)), "all tools end", 90, every=1)
        self.clock.set()
        for name in meters:
            self.outputs[name] = [self.guest.run(f"cd /tmp/meters; cat '{name}.{kind}'")
                                  for kind in ("err", "out")]
        self.watch.sleep(1)

    def ledger_uj(self, zone, begin_s, end_s):
        a_uj, b_uj = (self.watch.guest_uj(self.guest.uuid, ZONES[zone], self.clock.host_ns(t))
                      for t in (begin_s, end_s))
        return b_uj - a_uj

    def reading_of_meter(self, name):
        text = self.outputs[name][-1]
        begin_s, end_s = uptimes(text)
        took_s = end_s - begin_s
        watts = METERS[name].parse(text)
        ledger = {zone: self.ledger_uj(zone, begin_s, end_s) / took_s / 1e6 for zone in watts}
        return Reading(watts, ledger, ledger, took_s)

    def reading_of_counter(self, name):
        """It read its first value between two times, and so its second one."""
        a, b = map(COUNTERS[name].parse, self.outputs[name])
        (t, u), (v, w) = map(uptimes, self.outputs[name])
        took_s = (v + w - t - u) / 2

        def watts(uj):
            return uj / took_s / 1e6
        return Reading({zone: watts(b[zone] - a[zone]) for zone in a},
                       {zone: watts(self.ledger_uj(zone, u, v)) for zone in a},
                       {zone: watts(self.ledger_uj(zone, t, w)) for zone in a}, took_s)

    def reading(self, name):
        return (self.reading_of_meter if name in METERS else self.reading_of_counter)(name)


def registry_tools():
    """What could be made of the registries' tools: directories; why not, by package."""
    made, missing = [], {}
    for name, packages in (("scaphandre", ("scaphandre",)), ("python", ("codecarbon", "pyJoules"))):
        run = subprocess.run([TESTBED / "registry-tools", name], capture_output=True, text=True,
                             check=False)
        if run.returncode == 0:
            made.append(run.stdout.strip())
        else:
            print(run.stderr)
            missing |= dict.fromkeys(packages, run.stderr.strip().splitlines()[-1])
    return made, missing


@pytest.fixture(scope="module", name="rig")
def rig_fixture(module_bed, full):
    if not full:
        pytest.skip("takes a machine that does nothing else, and minutes: --full")
    made, missing = registry_tools()
    host = module_bed.host()
    # The shown value is some time behind: what varies is to be the smaller part.
    sim = module_bed.simrapl(host, idle_w=40, busy_w=10, dram_idle_w=8, dram_busy_w=2)
    config = module_bed.directory() / "hostd.conf"
    config.write_text('[zone "package-0"]\nidle_w = 40\n[zone "dram-0"]\nidle_w = 8\n')
    hostd = module_bed.hostd(host, sim, "--config", config)
    # Wheels are made for newer CPUs than QEMU's default.
    (guest,) = module_bed.debian_guests(host, {"vm": ("-c", 2, "-s", 1, "-m", 1024, "-C")}, *made)
    guest.wait_for_userland()
    # As the distribution has it, node_exporter is not root.
    guest.run("mkdir -p /etc/vmpower && "
              "printf 'mode = 0440\\ngroup = prometheus\\n' >/etc/vmpower/guest.conf && "
              "systemctl restart vmpower-guest")
    guest.wait_for_tree()
    guest.load(0.4)
    rig = Rig(guest, Watch(hostd), missing)
    try:
        if "scaphandre" not in missing:
            for port, daemon in DAEMONS.items():
                guest.spawn(daemon)
                wait_until(lambda p=port: guest.status_of(scraped(p)) == 0,
                           "Scaphandre answers", every=0.5)
        rig.measure()
        yield rig
    finally:
        rig.watch.close()


@pytest.mark.parametrize("name", [*COUNTERS, *METERS])
def test_reading(rig, name):
    tool = {**COUNTERS, **METERS}[name]
    if tool.package in rig.missing:
        pytest.skip(rig.missing[tool.package])
    print(rig.outputs[name][-1][-2000:])
    if tool.unable and tool.unable in rig.outputs[name][-1]:
        pytest.skip(f"as is known of it: {tool.unable}")
    watts, least, most, took_s = rig.reading(name)
    # Some begin late where the machine is busy.
    assert watts and took_s >= WINDOW_S - 10
    for zone, found in watts.items():
        ledger = (least[zone] + most[zone]) / 2
        own = (ledger * tool.seconds + tool.joules) / WINDOW_S
        print(f"{name}, {zone}: {found:.3f} W, ledger {least[zone]:.3f} to {most[zone]:.3f} W, "
              f"{found / ledger - 1:+.2%}, {took_s:.1f} s")
        assert 0.98 * least[zone] - own <= found <= 1.02 * most[zone] + own, zone


def test_versions(rig):
    """Those that the README has, where the guest is that distribution."""
    if "bookworm" not in rig.guest.run("cat /etc/os-release"):
        pytest.skip("the guest is another distribution than the README's")
    found = rig.guest.run(
        f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {shlex.join(VERSIONS)}").splitlines()
    assert {package: re.split("[-+]", version)[0] for package, version in
            (line.split() for line in found)} == VERSIONS
