# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A guest that attacks its host, beside two that do not: what it costs the others.

Each attack is compared with a run of the same length without one. How late ticks are
and when samples come depends on the machine as well: how long it lets a process wait that
does nothing else is seen in the same run, and a comparison that fails is made anew, up to
TRIES times. What the attack causes, it causes each time.
"""
import os
import pathlib
import time

import pytest

from bed.fake_host import FakeHost, new_epoch
from bed.guest import POWERCAP
from bed.lateness import is_as_late, p99, stalls_of
from bed.process import PATIENCE_S, Disturbed, in_one_of, wait_until

PORT = "/dev/virtio-ports/org.vmpower.0"
INTERVAL_MS = 100
TRIES = 4

# A read ends whenever the host disconnects, a write waits until it is back.
BEGIN = f"""
hello='{{"type":"hello","proto":1,"nonce":"n","agent":"hostile/1",'
hello="$hello\\"boot_id\\":\\"$(cat /proc/sys/kernel/random/boot_id)\\"}}"
exec 3<>{PORT}
"""
READ = """
while :; do cat <&3; usleep 10000; done >/dev/null &
"""

# More than the host takes in the time of a run: it is the host that sets the pace.
ATTACKS = {
    # Without a hello the host does not disconnect, and so has to read.
    "garbage": READ + "while :; do head -c 100000000 /dev/urandom; done >&3",
    "long-line": READ + """
        while :; do echo; echo "$hello"; head -c 10000000 /dev/zero | tr '\\0' '['; done >&3
        """,
    "deep-json": READ + """
        deep=$(printf '%200s' '' | sed 's/ /{"a":/g')
        while :; do echo; echo "$hello"; yes "$deep" | head -n 100; done >&3
        """,
    "hellos": READ + 'yes "$hello" >&3',
    # Each hello that the host takes is answered, until no buffer on the way has room.
    "never-reading": 'yes "$hello" >&3',
}

# Prints the guest's uptime at each sample; forks nothing, to leave the machine alone.
WATCH = """
mkfifo /run/never; exec 4<>/run/never
while :; do
    read -r -t 0.04 _ <&4
    read -r line </run/vmpower/status.json || continue
    line=${line#*\\"seq\\":}
    [ "${line%%,*}" != "$seq" ] || continue
    seq=${line%%,*}
    read -r up _ </proc/uptime
    echo "$up"
done
"""


class Observation:
    """What a run was like for hostd and for the guests that are no part of the attack."""

    def __init__(self, late_ms, sample_ms, stall_ms):
        self.late_ms = p99(late_ms)
        self.sample_ms = p99(sample_ms)
        self.stall_ms = stall_ms
        self.n_ticks = len(late_ms)
        self.n_samples = len(sample_ms)

    def __repr__(self):
        return (f"p99 of {self.n_ticks} ticks {self.late_ms:.3f} ms late, "
                f"of {self.n_samples} samples {self.sample_ms:.0f} ms apart, "
                f"a bystander {self.stall_ms:.3f} ms late at the worst")

    def is_like(self, other):
        return (is_as_late(self.late_ms, other.late_ms, self.stall_ms) and
                self.sample_ms - self.stall_ms <= other.sample_ms * 1.2)


class Ward:
    """The three guests, and a hostd that is new for each run."""

    def __init__(self, bed, seconds):
        self.bed = bed
        self.directory = bed.directory()
        self.seconds = seconds
        self.host = bed.host()
        self.simrapl = bed.simrapl(self.host)
        self.hostile, *self.others = bed.guests(self.host, {
            "hostile": ("-a", "vmpower.agent=no"), "good1": (), "good2": ()})
        for guest in self.others:
            guest.spawn(WATCH, "/run/samples")
        self.hostd = None
        self.baseline = None
        self.began_s = None  # when hostd was new

    def start_hostd(self):
        if self.hostd:
            self.hostd.stop()
        self.began_s = time.monotonic()
        self.hostd = self.bed.hostd(self.host, self.simrapl, "--interval-ms", INTERVAL_MS)
        for guest in self.others:
            self.wait_for_samples(guest)

    def wait_for_samples(self, guest, seconds=PATIENCE_S):
        """Until it has acknowledged some."""
        def served():
            domains = self.hostd.get("/api/v1/domains")["domains"]
            return any(d["name"] == guest.name and int(d["link"]["acked_seq"]) >= 2
                       for d in domains)
        wait_until(served, f"{guest.name} has samples", seconds)

    def log_lines(self, guest):
        return [line for line in self.hostd.log().splitlines() if f"'{guest.name}'" in line]

    def rss_kib(self):
        text = pathlib.Path(f"/proc/{self.hostd.process.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmRSS:")).split()[1])

    def observe(self):
        """Watches for the time of a run."""
        begin = {guest: self.uptime(guest) for guest in self.others}
        late_ms = {}
        end = time.monotonic() + self.seconds
        with stalls_of(self.host, self.directory) as stalls:
            # Some of what was to be in that time may still be to come.
            while time.monotonic() < end or time.monotonic() < end + PATIENCE_S and \
                    len(late_ms) < 0.5 * self.seconds * 1000 / INTERVAL_MS:
                host = self.hostd.get("/api/v1/host")
                # Of ticks that were left out, only the length of the next one tells.
                late_ms[host["tick"]] = max(int(host["tick_late_ns"]) / 1e6,
                                            int(host["dt_ns"]) / 1e6 - INTERVAL_MS)
                time.sleep(INTERVAL_MS / 2e3)
            assert len(late_ms) >= 0.5 * self.seconds * 1000 / INTERVAL_MS
            times = [self.wait_for_times(guest, begin[guest]) for guest in self.others]
        sample_ms = [(b - a) * 1000 for t in times for a, b in zip(t, t[1:])]
        return Observation(late_ms.values(), sample_ms, stalls.worst_ms)

    def wait_for_times(self, guest, begin_s):
        """When samples came since a time of the guest, of which there are enough."""
        def times():
            found = [float(t) for t in guest.run("cat /run/samples").split()]
            found = [t for t in found if t >= begin_s]
            return len(found) >= 0.5 * self.seconds and found
        return wait_until(times, f"samples of {guest.name}")

    @staticmethod
    def uptime(guest):
        return float(guest.run("cat /proc/uptime").split()[0])

    def observe_peace(self):
        self.start_hostd()
        self.baseline = self.observe()

    def attack(self, script):
        """Attacks a new hostd; the observation, and by how many KiB hostd grew."""
        self.start_hostd()
        before = self.rss_kib()
        attacker = self.hostile.spawn(BEGIN + script)
        try:
            seen = self.observe()
            grown = self.rss_kib() - before
        finally:
            self.hostile.run(f"kill -KILL -{attacker}")
        return seen, grown


@pytest.fixture(scope="module", name="ward")
def ward_fixture(module_bed, full):
    ward = Ward(module_bed, 180 if full else 8)
    ward.observe_peace()
    return ward


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(ward, name):
    def attempt():
        seen, grown = ward.attack(ATTACKS[name])
        print(f"{name}: {seen}, hostd grew by {grown} KiB; in peace {ward.baseline}")
        assert grown < 1024
        assert_told(ward)
        assert_recovers(ward)
        if not seen.is_like(ward.baseline):
            compared = f"{name}: {seen}; in peace {ward.baseline}"
            ward.observe_peace()
            raise Disturbed(compared)
    in_one_of(TRIES, attempt, Disturbed)


def assert_told(ward):
    """The log names the domain, as often as the limits of host/guest_link.c let it."""
    lines = ward.log_lines(ward.hostile)
    told = [line for line in lines if "misbehaves" in line]
    others = [ward.log_lines(guest) for guest in ward.others]
    seconds = int(time.monotonic() - ward.began_s)
    assert 1 <= len(told) <= 1 + seconds // 60, lines
    # And what became of the link.
    assert len(lines) - len(told) <= 1 + seconds // 30, lines
    for lines in others:
        assert 1 <= len(lines) <= 1 + seconds // 30 and "is served" in lines[0]
        assert not [line for line in lines if "misbehaves" in line]


def assert_recovers(ward):
    """A proper agent is served, after a back-off that the attack may have earned."""
    agent = ward.hostile.spawn("exec vmpower-guest --run-dir /run/vmpower", "/run/agent.log")
    try:
        ward.wait_for_samples(ward.hostile, 180)
    finally:
        ward.hostile.run(
            f"kill -TERM {agent}; while kill -0 {agent} 2>/dev/null; do usleep 50000; done")


def test_garbage_of_the_host(ward):
    """A host that is hostile, to a real port."""
    guest = ward.others[0]
    host = FakeHost(ward.host.path(guest.channel()), listen=False)
    if ward.hostd:
        ward.hostd.stop()
    try:
        epoch = new_epoch()
        # It is not to ask again while it is flooded.
        host.greet(epoch, 1000, 10, period_ms=60000)
        before, tree = guest.energy_uj(), guest.run(f"ls -lR {POWERCAP}/")
        for garbage in (os.urandom(100_000) + b"\n", b"x" * 1_000_000 + b"\n",
                        b"[" * 16000 + b"\n", b'{"a":' * 3000 + b"\n", b"\0\n" * 1000,
                        b'{"type":"welcome"}\n', b'{"type":"sample","seq":2}\n'):
            host.send(garbage)
        host.sample(999, 10)
        host.deliver(3000, 11)
        assert guest.log().count("ignoring a malformed line") == 1
        assert guest.log().count("a counter decreased") == 1
        assert guest.run(f"ls -lR {POWERCAP}/") == tree
        host.hang_up()
        wait_until(lambda: guest.status()["link"] == "no-host", "the loss is seen")
        host.greet(epoch, 3000, 11)
        wait_until(lambda: guest.energy_uj() == before + 2000, "all is shown")
    finally:
        host.close()
