# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A guest of a host, and what can be done in it."""
import contextlib
import json
import shlex
import subprocess
import time
import xml.etree.ElementTree as ElementTree

from bed import TESTBED
from bed.process import LOGS, wait_until
from gx import Agent, AgentError

POWERCAP = "/sys/class/powercap"

# Runs a process for a share of each tenth of a second.
LOAD = """
yes >/dev/null 2>&1 & p=$!
trap 'kill -KILL $p; exit' TERM
while :; do
    kill -CONT $p; usleep {on}
    [ {off} -eq 0 ] || {{ kill -STOP $p; usleep {off}; }}
done
"""


class Guest:
    """A running domain; boot() makes one, or several at the same time."""

    def __init__(self, host, name):
        self.name = name
        self.uuid = host.virsh("domuuid", name)
        self._be_on(host)

    def _be_on(self, host):
        self.host = host
        self.agent = Agent(self.name, host.uri)
        self.console = host.dir / f"run/{self.name}.console"
        LOGS[self] = (f"console of {self.name}", self.console)

    @property
    def pid(self):
        """Of its QEMU, as the host sees it (not as this process does)."""
        return int((self.host.dir / f"run/libvirt/qemu/{self.name}.pid").read_text())

    def channel(self):
        """The path where QEMU listens for hostd; processes outside see it by host.path()."""
        xml = ElementTree.fromstring(self.host.virsh("dumpxml", self.name))
        source = xml.find("./devices/channel/target[@name='org.vmpower.0']/../source")
        return source.get("path")

    def detach_channel(self):
        """Takes vmpower's away; what attach_channel() gives back."""
        xml = ElementTree.fromstring(self.host.virsh("dumpxml", self.name))
        path = self.host.dir / f"{self.name}.channel.xml"
        path.write_bytes(ElementTree.tostring(
            xml.find("./devices/channel/target[@name='org.vmpower.0']/..")))
        self.host.virsh("detach-device", self.name, path)
        return path

    def attach_channel(self, path):
        self.host.virsh("attach-device", self.name, path)

    def run(self, command, check=True, seconds=180):
        """Runs a shell command in the guest: its stdout, or the AssertionError of its stderr."""
        status, out, err = self.agent.run(command, seconds)
        if check:
            assert status == 0, f"{self.name}: {command}: {status}\n{out!r}\n{err.decode()}"
        return out.decode(errors="replace").strip()

    def status_of(self, command, seconds=180):
        return self.agent.run(command, seconds)[0]

    def spawn(self, command, log="/dev/null"):
        """Leaves a shell command running in the guest; its pid there."""
        return int(self.run(f"setsid sh -c {shlex.quote(command)} >{log} 2>&1 </dev/null & echo $!"))

    def kill(self, pid, signal="TERM"):
        self.run(f"kill -{signal} {pid}")

    def load(self, share, cpu=0):
        """Keeps one vCPU busy for a share of the time, until kill()."""
        on = int(share * 100000)
        return self.spawn(f"exec taskset {1 << cpu:x} sh -c "
                          f"{shlex.quote(LOAD.format(on=on, off=100000 - on))}")

    def status(self):
        """What the agent says of itself, or None before it says anything."""
        status, out, _ = self.agent.run("cat /run/vmpower/status.json")
        return json.loads(out) if status == 0 and out else None

    def energy_uj(self, zone="intel-rapl:0"):
        return int(self.run(f"cat {POWERCAP}/{zone}/energy_uj"))

    def log(self):
        """The agent's."""
        return self.run("cat /var/log/vmpower-guest.log", check=False)

    def agent_pids(self):
        """Its keeper and its worker, or None."""
        # One may end meanwhile.
        lines = self.run("for p in $(pidof vmpower-guest); do cut -d' ' -f1,4 /proc/$p/stat; done",
                         check=False)
        parents = dict(map(int, line.split()) for line in lines.splitlines())
        return next(((parent, child) for child, parent in parents.items() if parent in parents),
                    None)

    def started_s(self, pid):
        """When a process of the guest began, in seconds since the guest did."""
        return int(self.run(f"cut -d' ' -f22 /proc/{pid}/stat")) / 100

    def wait_for_tree(self, seconds=120):
        wait_until(lambda: self.status_of(f"cat {POWERCAP}/intel-rapl:0/energy_uj") == 0,
                   f"{self.name} has its powercap tree", seconds, every=0.2)

    def wait(self, seconds=180):
        """Until it answers (again)."""
        self.agent.wait(seconds)

    def reboot(self, seconds=180):
        """Its own reboot; waits until the new boot answers."""
        boot = self.run("cat /proc/sys/kernel/random/boot_id")
        with contextlib.suppress(AgentError):  # it may be quicker than the answer
            self.run("(sleep 0.2; reboot -f) >/dev/null 2>&1 </dev/null &")
        self.wait_for_boot_after(boot, seconds)

    def wait_for_boot_after(self, boot, seconds=180):
        """Until it answers in another boot than that of this id."""
        def back():
            try:
                return self.run("cat /proc/sys/kernel/random/boot_id") != boot
            except AgentError:
                return False
        wait_until(back, f"{self.name} is back", seconds, every=0.2)

    def migrate(self, to, seconds=180):
        """Live; it is a guest of the other host from then on."""
        self.host.virsh("migrate", "--live", "--p2p", self.name, to.uri, "--migrateuri",
                        f"unix://{to.dir}/{self.name}.migration", seconds=seconds)
        self._be_on(to)

    def destroy(self):
        self.host.virsh("destroy", self.name, check=False)
        self.close()

    def close(self):
        """Forgets it; the domain lives as long as its host, or until destroy()."""
        LOGS.pop(self, None)


class DebianGuest(Guest):
    """One with systemd, of which the agent is a service."""

    def log(self):
        return self.run("journalctl -q --no-pager -o cat -u vmpower-guest", check=False)

    def wait_for_userland(self, seconds=600):
        """Until all is started that is to be at boot, whether it could be or not."""
        self.run("systemctl is-system-running --wait", check=False, seconds=seconds)


def domain_xml(name, image, *options):
    """What tests/testbed/domain prints."""
    return subprocess.run([TESTBED / "domain", *map(str, options), name, image], check=True,
                          capture_output=True, text=True).stdout


def uptimes(guests):
    """Of each its clock, and ours before and after it was asked."""
    def ask(guest):
        begin = time.monotonic()
        return float(guest.run("cat /proc/uptime").split()[0]), begin, time.monotonic()
    return [ask(guest) for guest in guests]


def with_wrong_clocks(guests):
    """Those whose clock runs too fast or too slow: what a kernel takes for the speed of its
    TSC is wrong now and then, where QEMU was not scheduled while it measured."""
    before = uptimes(guests)
    time.sleep(1)
    # Between the least and the most of our time that its can stand for.
    return [g for g, (u, a, b), (v, c, d) in zip(guests, before, uptimes(guests))
            if not 0.85 * (c - b) < v - u < 1.15 * (d - a)]


def boot(host, image, specs, seconds=240, kind=Guest, check_clocks=True):
    """Boots guests at the same time; specs: {name: options of tests/testbed/domain}."""
    guests = []
    for name, options in specs.items():
        path = host.dir / f"{name}.xml"
        path.write_text(domain_xml(name, image, *options))
        host.virsh("create", path)
        guests.append(kind(host, name))
    answering = [guest for guest in guests if "-N" not in specs[guest.name]]
    for guest in answering:
        guest.wait(seconds)
    for guest in with_wrong_clocks(answering) if check_clocks else ():
        print(f"{guest.name}: its clock runs wrong, it boots again")
        boot_id = guest.run("cat /proc/sys/kernel/random/boot_id")
        host.virsh("reset", guest.name)
        guest.wait_for_boot_after(boot_id, seconds)
    return guests
