# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What is wrong around the daemons: their settings, the counters, libvirt."""
import ctypes
import os
import pathlib
import re
import subprocess

import pytest

from bed.process import wait_until
from bed.watch import Watch

# The file, the line of the error, and what is to be said of it.
HOSTD_FILES = {
    "unknown key": ("interval_ms = 1000\ninterval = 5\n", 2, "unknown key 'interval'"),
    "bad value": ("\n# often\ninterval_ms = 99\n", 3, "100..60000"),
    "bad name": ("idle_policy = mine\n", 1, "reserved, proportional, equal or host"),
    "bad number in a section": ('[zone "package-0"]\nidle_w = much\n', 2, "watts"),
    "unknown key in a section": ('[zone "package-0"]\nidle_watts = 3\n', 2, "'idle_watts'"),
    "unknown section": ("[colour]\nred = 1\n", 2, "[colour]"),
    "section without a name": ("[zone]\nidle_w = 1\n", 2, "name"),
    "no key": ("interval_ms = 1000\nwhat is this\n", 2, "KEY = VALUE"),
    "name to listen on": ("listen = localhost:9846\n", 1, "with an IP address"),
    "unknown tool": ("compat = kepler, ceems\n", 1, "scaphandre, kepler, or both"),
    "password in clear": ('[user "ann"]\npassword = secret\n', 2, "mkpasswd -m bcrypt"),
    "unknown format": ('[push "a"]\nurl = http://a/\nformat = carbon\n', 3, "remote-write"),
    "push without a name": ("[push]\nformat = influx\n", 2, '[push "NAME"]'),
    "push without a URL": ('interval_ms = 1000\n[push "a"]\nformat = influx\n', 2, "url is needed"),
    "long line": ("#\n" * 4 + "state_dir = /" + "x" * 190 + "\n", 5, "190 bytes"),
}
GUEST_FILES = {
    "unknown key": ("mode = 0400\nspeed = 3\n", 2, "unknown key 'speed'"),
    "bad value": ("mode = 0640\n", 1, "0440"),
    "relative path": ("\nport = port\n", 2, "an absolute path"),
    "unknown group": ("group = nobody-of-this-name\n", 1, "group"),
    "unknown section": ('[zone "package-0"]\nidle_w = 1\n', 2, "package-0"),
    "long line": ("# " + "x" * 190 + "\n", 1, "190 bytes"),
}
FILES = [pytest.param(program, *case, id=f"{program} {name}")
         for program, cases in (("vmpower-hostd", HOSTD_FILES), ("vmpower-guest", GUEST_FILES))
         for name, case in cases.items()]

# Where the simulator was not so late, what was read is as new as any.
LATE_NS = 150 * 10**6

FLAGS = [("vmpower-hostd", "--interval-ms", "5"), ("vmpower-hostd", "--no-such-flag"),
         ("vmpower-hostd", "--source", "coal"), ("vmpower-hostd", "operand"),
         ("vmpower-hostd", "--config", "/nonexistent/file"),
         ("vmpower-guest", "--mode", "0777"), ("vmpower-guest", "--no-such-flag"),
         ("vmpower-guest", "operand"), ("vmpower-guest", "--config", "/nonexistent/file")]


def run(build, program, *arguments):
    return subprocess.run([build / program, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("program, text, line, said", FILES)
def test_error_in_the_file(build, tmp_path, program, text, line, said):
    path = tmp_path / "conf"
    path.write_text(text)
    r = run(build, program, "--config", path)
    assert (r.returncode, r.stdout) == (2, "")
    assert f"{path}:{line}: " in r.stderr and said in r.stderr, r.stderr


def test_all_errors_are_told(build, tmp_path):
    path = tmp_path / "conf"
    path.write_text('interval = 1\n\nsource = coal\n[domain "vm"]\nperiod_ms = 1\n')
    r = run(build, "vmpower-hostd", "--config", path)
    assert r.returncode == 2
    assert [said.split(":")[1] for said in r.stderr.splitlines()] == ["1", "3", "5"], r.stderr


@pytest.mark.parametrize("program, flags", [pytest.param(f[0], f[1:], id=" ".join(f))
                                            for f in FLAGS])
def test_error_in_a_flag(build, program, flags):
    r = run(build, program, *flags)
    assert (r.returncode, r.stdout) == (2, "")
    assert flags[-1].lstrip("-") in r.stderr and f"{program} --help" in r.stderr, r.stderr


def test_no_powercap(bed):
    """Asked for and not there: it says how to get it, and ends."""
    host = bed.host()
    sysfs = bed.directory()
    (sysfs / "devices").symlink_to("/sys/devices")
    hostd = bed.hostd(host, None, "--sysfs", sysfs, "--source", "powercap", start=False)
    for d in (hostd.run_dir, hostd.state_dir):
        d.mkdir()
    r = host.run(*hostd.command(), check=False)
    assert r.returncode == 1
    assert "modprobe intel_rapl_msr" in r.stderr, r.stderr


def break_missing(path):
    path.unlink()


def break_empty(path):
    path.write_text("")


def break_garbage(path):
    new = path.with_name("new")
    new.write_text("12 apples\n")
    new.replace(path)


def exchange(a, b):
    """Each is the other at once: nobody sees that there is none."""
    at_fdcwd, rename_exchange = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    r = libc.renameat2(at_fdcwd, bytes(a), at_fdcwd, bytes(b), rename_exchange)
    assert r == 0, os.strerror(ctypes.get_errno())


def break_directory(path):
    new = path.with_name("new")
    new.mkdir()
    exchange(new, path)
    new.unlink()


def mend(path, text):
    """What was there, where the simulator cannot write it again."""
    if path.is_dir():
        new = path.with_name("new")
        new.write_text(text)
        exchange(new, path)
        new.rmdir()


@pytest.fixture(scope="module", name="metered")
def metered_fixture(module_bed):
    """hostd and what simulates two packages for it; there are no guests."""
    host = module_bed.host()
    sim = module_bed.simrapl(host, packages=",".join(str(i % 2) for i in range(os.cpu_count())), idle_w=30)
    return sim, module_bed.hostd(host, sim, "--interval-ms", "200")


@pytest.mark.parametrize("break_it, cause", (
    (break_missing, "No such file"), (break_empty, "empty"),
    (break_garbage, "not a number"), (break_directory, "Is a directory")))
@pytest.mark.parametrize("path, zone", (("intel-rapl:1", "package-1"),
                                        ("intel-rapl:0:0", "dram-0")))
def test_zone_that_cannot_be_read(metered, break_it, cause, path, zone):
    """It is named with what to do, the others go on, and it comes back by itself."""
    sim, hostd = metered
    others = {"package-0", "package-1", "dram-0", "dram-1"} - {zone}
    logged = len(hostd.log())

    def ahead_uj(ticks):
        """Of the truth; of readings that are as new as any, if there are some."""
        return max((t.total_uj(zone) - sim.at(t.t_ns).zone_uj(zone) for t in ticks
                    if not sim.was_late(t.t_ns, LATE_NS)), default=None)

    watch = Watch(hostd, every=0.05)
    try:
        start = watch.sleep(0.6)
        wait_until(lambda: ahead_uj(watch.ticks()) is not None, "readings that are as new as any")
        before_uj = ahead_uj(watch.ticks())
        sim.hold(path)
        text = sim.path(path).read_text()
        break_it(sim.path(path))
        broken = wait_until(lambda: next((t for t in watch.ticks() if t.t_ns > start.t_ns and
                                          t.zones[zone]["state"] == "excluded"), None), "excluded")
        later = watch.wait_for_ticks(5, broken.t_ns)
        mend(sim.path(path), text)
        sim.release(path)
        end = wait_until(lambda: next((t for t in watch.ticks() if t.t_ns > later.t_ns and
                                       t.zones[zone]["state"] == "ok" and
                                       t.host["quality"] == "measured"), None), "as before")
        # Nothing is lost: the counter went on. Readings are as old as updates are apart.
        lost_uj = 0.1 * (sim.at(later.t_ns).zone_uj(zone) - sim.at(broken.t_ns).zone_uj(zone))
        wait_until(lambda: (ahead := ahead_uj(t for t in watch.ticks() if t.t_ns >= end.t_ns)) is
                   not None and ahead > before_uj - lost_uj, "what it used meanwhile is there")
        assert ahead_uj(watch.ticks()) < before_uj + lost_uj
    finally:
        watch.close()
    ticks = watch.stop()

    away = [t for t in ticks if broken.t_ns <= t.t_ns <= later.t_ns]
    for tick in away:
        assert tick.zones[zone]["state"] == "excluded"
        assert tick.total_uj(zone) == broken.total_uj(zone)
        assert tick.host["quality"] == "degraded"
        for other in others:
            assert tick.zones[other]["state"] == "ok"
    for other in others:
        assert later.total_uj(other) > broken.total_uj(other)

    said = [line for line in hostd.log()[logged:].splitlines() if zone in line]
    assert len(said) == 2, said
    named = re.search(r", (/\S+/energy_uj) ", said[0])
    assert named and pathlib.Path(named[1]).resolve() == sim.path(path).resolve(), said
    assert cause in said[0], said
    assert re.search("; (load|see|run|let) ", said[0]), "it does not say what to do"
    assert "again" in said[1]


def test_libvirt_comes_later(bed):
    """The host's energy is measured without it, and domains as soon as it is there."""
    host = bed.host()
    host.stop_libvirtd()
    hostd = bed.hostd(host, bed.simrapl(host), "--interval-ms", "200")
    watch = Watch(hostd, every=0.05)
    try:
        start = watch.sleep(0)
        watch.sleep(1)
        end = wait_until(lambda: next((t for t in watch.ticks() if t.t_ns > start.t_ns and
                                       t.host["libvirt"]["error"]), None), "it says what is wrong")
        assert not end.host["libvirt"]["connected"]
        assert end.total_uj("package-0") > start.total_uj("package-0")
        wait_until(lambda: "libvirt" in hostd.log(), "the log says so")
        host.start_libvirtd()
        wait_until(lambda: watch.ticks()[-1].host["libvirt"]["connected"], "connected")
    finally:
        watch.close()
    watch.stop()


def test_domain_that_ends_unseen(bed):
    """While libvirt is away its domains are the last known, also those that are no more.

    A domain's energy is its own or that of domains that ended, and never both.
    """
    host = bed.host()
    gone, alive = bed.guests(host, {"gone": ("-N",), "alive": ("-N",)})
    hostd = bed.hostd(host, bed.simrapl(host), "--interval-ms", "200")
    watch = Watch(hostd, every=0.05)
    try:
        wait_until(lambda: (t := watch.sleep(0.2)) and gone.uuid in t.domains and
                   t.domain_uj(gone.uuid, "package-0", "dynamic"), "it is measured")
        pid = gone.pid
        host.stop_libvirtd()
        host.run("kill", "-KILL", pid)
        watch.sleep(1)
        host.start_libvirtd()
        wait_until(lambda: gone.uuid not in watch.ticks()[-1].domains, "it is seen to be gone")
        end = watch.sleep(0.5)
    finally:
        watch.close()
    watch.stop()
    assert alive.uuid in end.domains
    ended = end.zones["package-0"]["energy"]["ended_domains"]
    assert int(ended["dynamic_uj"]) > 0
