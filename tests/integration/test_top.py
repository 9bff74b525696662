# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower top on a terminal, once and as a stream, against a running vmpower-hostd."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time
import uuid
from xml.sax.saxutils import escape

import pytest

from bed.load import host_load
from bed.process import PATIENCE_S, wait_until
from bed.terminal import Terminal, is_stopped

INTERVAL_MS = 250

# What libvirt lets a tenant choose: C1 controls, what turns the direction or is written
# from right to left, what has no width and what has two columns. (No C0: libvirt takes none.)
HOSTILE = "a\u009b31m\u202e\u05d0\u200b計算機 \U0001f600"
# As it is shown.
TAMED = "a?31m???計算機 \U0001f600"

DOMAIN = """<domain type='{type}'><name>{name}</name><uuid>{uuid}</uuid>
<memory unit='MiB'>16</memory><vcpu>{vcpus}</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><controller type='usb' model='none'/>
<channel type='unix'><target type='virtio' name='org.vmpower.0'/></channel>
<memballoon model='none'/></devices></domain>"""


class Scene:
    """A host with two packages, and domains that wait in their firmware or are paused."""

    def __init__(self, bed, domain_type):
        self.bed = bed
        self.host = bed.host()
        self.sim = bed.simrapl(self.host, idle_w=10, busy_w=40, packages=",".join(
            str(i % 2) for i in range(os.cpu_count())))
        self.type = domain_type
        self.directory = bed.directory()
        self.hostile = self.create(HOSTILE, 2)
        self.create("web1", 1, "--paused")
        self.hostd = bed.hostd(self.host, self.sim, "--interval-ms", INTERVAL_MS)
        wait_until(lambda: len(self.hostd.get("/api/v1/domains")["domains"]) == 2, "domains")

    def create(self, name, vcpus, *flags):
        domain = str(uuid.uuid4())
        path = self.directory / f"{domain}.xml"
        path.write_text(DOMAIN.format(type=self.type, name=escape(name), uuid=domain,
                                      vcpus=vcpus), encoding="utf-8")
        self.host.virsh("create", *flags, path)
        return domain

    def command(self, *flags):
        return [self.hostd.build / "vmpower", "top", "--run-dir", self.hostd.run_dir, *flags]

    def run(self, *flags, **env):
        return subprocess.run([str(c) for c in self.command(*flags)], capture_output=True,
                              text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
                              env={**os.environ, "LC_ALL": "C.UTF-8", **env})


@pytest.fixture(scope="module", name="scene")
def scene_fixture(request, module_bed):
    return Scene(module_bed, request.config.getoption("--domain-type"))


@pytest.fixture(name="top")
def top_fixture(scene):
    """Starts it on terminals, which close at the end."""
    with contextlib.ExitStack() as stack:
        def start(*flags, **options):
            terminal = Terminal(*scene.command(*flags), **options)
            stack.callback(terminal.close)
            return terminal
        yield start


def has_rows(lines):
    return any("(all zones)" in line for line in lines) and \
        any("package-1" in line for line in lines)


def row(lines, name):
    return next((line for line in lines if line.startswith(name)), None)


def zone_sums(lines):
    """(domains, host, unattributed, zone) of each line of zones."""
    return [tuple(map(int, m.groups())) for line in lines
            if (m := re.fullmatch(r"\S+\s+(\d+) \+\s+(\d+) \+\s+(\d+) =\s+(\d+)", line))]


def adds_up(lines, n=4):
    sums = zone_sums(lines)
    return len(sums) == n and all(sum(parts) == zone for *parts, zone in sums)


def host_percent(lines):
    """0: the row is not there, as the screen is being drawn."""
    match = re.search(r"^\(host\) +(\d+\.\d)", "\n".join(lines), re.M)
    return float(match[1]) if match else 0


def account_uj(account):
    return sum(int(account[k][kind]) for k in ("host", "ended_domains")
               for kind in ("dynamic_uj", "idle_uj")) + int(account["unattributed_uj"])


def check_document(document):
    """Domains + the rest == the zone, in each account; returns its tick."""
    for zone in document["host"]["zones"]:
        for account in ("energy", "since_boot", "last_tick"):
            domains = sum(int(d["zones"][zone["name"]][account][kind])
                          for d in document["domains"] if zone["name"] in d["zones"]
                          for kind in ("dynamic_uj", "idle_uj"))
            if zone["kind"] in ("package", "dram"):
                assert domains + account_uj(zone[account]) == int(zone[account]["total_uj"])
    return int(document["host"]["tick"])


def test_once(scene):
    r = scene.run("--once")
    assert r.returncode == 0 and not r.stderr, r.stderr
    lines = r.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(TAMED in line for line in lines), r.stdout
    assert "\x1b" not in r.stdout and "\u202e" not in r.stdout and "\u009b" not in r.stdout
    assert adds_up(lines), r.stdout
    web1 = row(lines, "web1")
    assert web1.split()[1] == "1" and web1.endswith("paused")
    # Without UTF-8 and with little room.
    r = scene.run("--once", LC_ALL="C", COLUMNS="60")
    assert r.returncode == 0 and r.stdout.isascii() and max(map(len, r.stdout.splitlines())) <= 60


def test_once_json(scene):
    """What the API has, CPU times included."""
    r = scene.run("--once", "--json")
    line, = r.stdout.splitlines()
    document = json.loads(line)
    check_document(document)
    domain = next(d for d in document["domains"] if d["uuid"] == scene.hostile)
    assert domain["name"] == HOSTILE
    one = scene.hostd.get(f"/api/v1/domains/{scene.hostile}")["domain"]
    assert one.keys() == domain.keys()
    assert [v["vcpu"] for v in one["vcpu_times"]] == [0, 1]
    assert all(v["package"] == v["cpu"] % 2 for v in one["vcpu_times"])
    assert sum(int(v["cpu_ns"]) for v in one["vcpu_times"]) <= int(one["cpu_ns"])
    assert int(document["host"]["host_cpu_ns"]) >= 0


@contextlib.contextmanager
def stream(scene, *flags):
    """A function that waits for so many of its lines; interrupted, it ends of that."""
    path = scene.bed.directory() / "stream"
    with open(path, "wb") as out:
        popen = subprocess.Popen([str(c) for c in scene.command("--json", *flags)], stdout=out)

    def wait(n):
        wait_until(lambda: path.read_bytes().count(b"\n") >= n, f"{n} ticks")
        # The next one may be half written.
        return path.read_text().rpartition("\n")[0]
    try:
        yield wait
        popen.send_signal(signal.SIGINT)
        assert popen.wait(PATIENCE_S) == -signal.SIGINT
        assert path.read_text().endswith("\n")
    finally:
        popen.kill()
        popen.wait()


def test_json_stream(scene):
    """A line for each tick, none twice; whole ones when it is interrupted."""
    with stream(scene) as wait:
        text = wait(6)
    ticks = [check_document(json.loads(line)) for line in text.splitlines()]
    print(f"ticks {ticks}")
    assert ticks == sorted(set(ticks))
    # With a pause: two of a second each, not of a tick.
    began = time.monotonic()
    with stream(scene, "-n", "1") as wait:
        wait(3)
        assert time.monotonic() - began > 2


def test_screen(scene, top):
    t = top()
    t.wait_for(has_rows, "the table")
    # Below what is wrong, as that ticks are late on a busy machine.
    t.wait_for(lambda lines: len(lines) == 24 and "powercap" in lines[0] and
               any("HISTORY" in line for line in lines[1:6]), "its head")
    t.wait_for(lambda lines: "q quit" in lines[23], "the keys")
    t.wait_for(lambda lines: any(TAMED[:8] in line for line in lines), "the hostile name")
    t.wait_for(adds_up, "a tick whose zones add up")
    # What a domain uses it shows, by whichever order.
    t.wait_for(lambda lines: "█" in (row(lines, "(host)") or ""), "the history")
    t.wait_for_text("by watts ")
    t.send("n")
    t.wait_for_text("by name ")
    t.send("n")
    t.wait_for_text("by name, reversed")
    t.wait_for(lambda lines: re.search(r"^web1 .*^a\?31m", "\n".join(lines), re.M | re.S),
               "the names in that order")
    t.send("e")
    t.wait_for_text("joules since top began")
    # The cursor keys; a domain in detail.
    t.send("\x1b[1~\r")
    t.wait_for_text("guest: ")
    # The table has such a row, too, with no UUID.
    t.wait_for(lambda lines: re.search(r"^web1  [0-9a-f]{8}-", "\n".join(lines), re.M),
               "details of web1")
    t.send("\x1b[B")
    t.wait_for_text(f"  {scene.hostile}")
    t.resize(80, 30)
    t.wait_for(lambda lines: any("   1: " in line and "CPU" in line for line in lines), "its vCPUs")
    t.send("?")
    t.wait_for_text("vmpower top: keys")
    t.send("q")
    assert t.wait() == 0
    assert t.is_as_before()
    # Whatever the names are, the terminal is sent nothing of theirs that it would obey.
    assert not any(c.encode() in t.raw for c in "\u009b\u202e\u05d0\u200b")


def test_resize(top):
    t = top("-s", "name")
    t.wait_for(has_rows, "the table")
    for columns, height, shown in ((120, 40, "WATTS"), (50, 20, "JOULES"), (30, 12, "DYN W"),
                                   (200, 50, "HISTORY"), (20, 5, "DOMAIN"), (80, 24, "HISTORY")):
        t.resize(columns, height)
        # The whole of it is of the new size: its last line and all of its titles.
        t.wait_for(lambda lines, s=shown, h=height, c=columns:
                   any(s in line for line in lines[:6]) and len(lines) == h and
                   (h < 10 or lines[h - 1].startswith("q quit")) and
                   all(len(line) <= c for line in lines), f"{columns}x{height}")
    t.wait_for(adds_up, "a tick whose zones add up")
    t.send("q")
    assert t.wait() == 0


def test_hostd_restarts(scene, top):
    """It says so, shows what it knew, and is back by itself."""
    t = top()
    t.wait_for(has_rows, "the table")
    scene.hostd.kill()
    try:
        t.wait_for_text("vmpower-hostd is away: cannot connect")
        t.wait_for(has_rows, "what was known")
        assert scene.run("--once").returncode == 1
    finally:
        scene.hostd.start()
    t.wait_for(lambda lines: not any("is away" in line for line in lines) and has_rows(lines),
               "hostd is back")
    # One that hangs hangs nobody.
    hostd = scene.hostd.process
    hostd.signal(signal.SIGSTOP)
    try:
        # nsenter stops when it does, and has it go on when it does.
        wait_until(lambda: is_stopped(hostd.popen.pid), "hostd is stopped")
        began = time.monotonic()
        # Keys that wait for an answer of hostd's would take 5 s each.
        for text in ("vmpower top: keys", "(all zones)") * 2:
            t.send("?")
            t.wait_for_text(text)
        assert time.monotonic() - began < 15
    finally:
        hostd.signal(signal.SIGCONT)
        hostd.popen.send_signal(signal.SIGCONT)
    # Without libvirt, that is told as well.
    scene.host.stop_libvirtd()
    try:
        t.wait_for_text("libvirt is away")
    finally:
        scene.host.start_libvirtd()
    t.send("q")
    assert t.wait() == 0


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
def test_signals(top, number):
    """The terminal is as it was; who waits for the program learns of the signal."""
    t = top(term="xterm")
    wait_until(lambda: t.pump() or b"(all zones)" in t.raw, "the table")
    assert not t.is_as_before() and b"\x1b[?1049h" in t.raw
    if number == signal.SIGINT:
        t.send("\x03")
    else:
        t.signal(number)
    assert t.wait() == -number
    assert t.is_as_before()
    assert t.raw.rfind(b"\x1b[?1049l") > t.raw.rfind(b"\x1b[?1049h")
    assert t.raw.rfind(b"\x1b[?25h") > t.raw.rfind(b"\x1b[?25l")


def test_stop_and_continue(top):
    t = top(term="xterm")
    wait_until(lambda: t.pump() or b"(all zones)" in t.raw, "the table")
    t.signal(signal.SIGTSTP)
    wait_until(lambda: t.pump() or is_stopped(t.popen.pid), "it is stopped")
    # What it wrote before that may not have been read yet.
    t.pump()
    assert t.is_as_before() and t.raw.rfind(b"\x1b[?1049l") > t.raw.rfind(b"\x1b[?1049h")
    t.raw = b""
    t.signal(signal.SIGCONT)
    wait_until(lambda: t.pump() or b"(all zones)" in t.raw, "the table again")
    assert not t.is_as_before() and b"\x1b[?1049h" in t.raw
    t.send("q")
    assert t.wait() == 0 and t.is_as_before()


@pytest.mark.parametrize("term", (None, "dumb", "no-such-terminal"))
def test_no_terminal(top, term):
    """It says what is wrong and what to do."""
    t = top(term=term)
    assert t.wait() == 1
    assert b"--once" in t.raw and b"TERM is" in t.raw
    assert t.is_as_before()


def test_not_a_terminal(scene):
    r = scene.run()
    assert r.returncode == 1 and "--once prints the table once" in r.stderr
    for flags in (("-n", "0"), ("-n", "x"), ("-s", "power"), ("--sort",), ("domain",)):
        assert scene.run(*flags).returncode == 2


def test_busy_host(scene, top):
    """Whose CPU time it is: the host's row is busy when the host is."""
    t = top("-s", "cpu", locale="C")
    t.wait_for(has_rows, "the table")
    with host_load(scene.directory, 0.9):
        t.wait_for(lambda lines: host_percent(lines) > 50, "a busy host")
        t.wait_for(lambda lines: "#" in (row(lines, "(host)") or ""), "the history, in ASCII")
    assert t.raw.isascii()
    t.send("q")
    assert t.wait() == 0
