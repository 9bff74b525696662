# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The test bed itself: a bed that is wrong proves nothing."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from bed import TESTBED
from bed.process import in_one_of, wait_until
from gx import AgentError

# So late the simulator is not, but for on a busy machine.
LATE_NS = 50 * 10**6


def host_groups(pid):
    """cgroups of the host whose outer script has that pid."""
    # Other groups come and go meanwhile.
    return [os.path.join(top, name) for top, names, _ in os.walk("/sys/fs/cgroup")
            for name in names if re.fullmatch(rf"vmpower-.*-{pid}", name)]


def test_host_is_private(bed):
    outside = set(os.listdir("/run"))
    host = bed.host("one")
    assert host.virsh("list", "--all") == ""
    assert host.virsh("hostname") == "one"
    # Nothing of the machine: not its processes, not its /run, not its network.
    def processes():
        return set(host.run("ps", "-eo", "comm=").stdout.split())
    # A program that libvirtd asks ends soon.
    wait_until(lambda: processes() <= {"host", "sleep", "libvirtd", "ps"}, "only its own processes")
    assert host.run("ip", "-o", "link").stdout.count("\n") == 1
    # Where libvirt's directories are missing, hosts share a list of those they made.
    assert set(os.listdir("/run")) - outside <= {"vmpower-testbed.made"}
    assert host_groups(host.process.pid)
    host.close()
    assert set(os.listdir("/run")) <= outside
    assert not host_groups(host.process.pid)
    bed.host("two").restart_libvirtd()


def test_host_ends_with_its_starter(bed):
    """SIGKILL of the script: its guests and libvirtd go too. Only empty cgroups stay."""
    host = bed.host()
    inside = host.ns_pid()
    host.process.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{inside}"), "the host is gone")
    assert host_groups(host.process.pid)

    def remove():
        for group in host_groups(host.process.pid):
            subprocess.run(["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"],
                           check=False)
        return not host_groups(host.process.pid)
    wait_until(remove, "its groups can be removed")


def test_guests(bed):
    host = bed.host()
    one, two = bed.guests(host, {
        "one": ("-a", "vmpower.agent=no"),
        "two": ("-c", 2, "-s", 2, "-n"),
    })
    assert one.run("ls /dev/virtio-ports").split() == ["org.qemu.guest_agent.0", "org.vmpower.0"]
    assert two.run("ls /dev/virtio-ports").split() == ["org.qemu.guest_agent.0"]
    assert two.run("grep -c ^processor /proc/cpuinfo") == "2"
    sockets = two.run("cat /sys/devices/system/cpu/cpu*/topology/physical_package_id")
    assert sockets.split() == ["0", "1"]
    # As a stock kernel has it: there, and empty.
    assert two.run("ls /sys/class/powercap") == ""
    assert one.agent.run("echo out; echo err >&2; exit 3") == (3, b"out\n", b"err\n")
    with pytest.raises(AgentError):
        one.agent.run("sleep 120", seconds=0.2)
    before = one.run("cat /proc/sys/kernel/random/boot_id")
    one.reboot()
    assert one.run("cat /proc/sys/kernel/random/boot_id") != before


def pid_outside(host, pid):
    """Of what has this pid in the host's own namespace, as others have it in theirs."""
    namespace = os.readlink(f"/proc/{host.ns_pid()}/ns/pid")
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it ends meanwhile
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") == namespace and \
                    f"NSpid:\t{entry.name}\t{pid}\n" in (entry / "status").read_text():
                return int(entry.name)
    raise AssertionError(f"the host has no process {pid}")


def busy_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_simrapl_tells_the_truth(bed):
    """Energy and truth agree with each other, with the clock and with the CPU time used."""
    host = bed.host()
    cpus = ",".join(str(i % 2) for i in range(os.cpu_count()))
    idle_w, busy_w, range_uj = 10, 40, 30_000_000
    sim = bed.simrapl(host, packages=cpus, idle_w=idle_w, busy_w=busy_w, range_uj=range_uj,
                      dram_idle_w=0, dram_busy_w=5, truth_ms=20)
    guest = bed.guest(host, "one", "-c", 2)
    qemu = int(host.run("sh", "-c", "cat /run/libvirt/qemu/one.pid").stdout)
    outer = pid_outside(host, qemu)

    # Where a thread that moves was, the kernel's ticks and ours tell apart differently.
    for vcpu in (0, 1):
        host.virsh("vcpupin", guest.name, vcpu, vcpu % os.cpu_count(), "--live")
    host.virsh("emulatorpin", guest.name, 0, "--live")
    guest.load(0.9, cpu=0)
    in_one_of(3, lambda: check_truth(sim, guest, outer, idle_w, busy_w, range_uj))


def boottime_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def timed(read):
    """A value, and the times between which it was read."""
    begin_ns = boottime_ns()
    return read(), begin_ns, boottime_ns()


def moment(sim, pid):
    """A time, and what a process had used then: at once, and with the truth of that time."""
    def look():
        busy_s, begin_ns, end_ns = timed(lambda: busy_seconds(pid))
        is_near = end_ns - begin_ns < 5e6 and not sim.was_late(begin_ns, LATE_NS)
        return is_near and (begin_ns, busy_s)
    return wait_until(look, "it is not late", every=0.1)


def is_between(uj, least_uj, most_uj, range_uj):
    """Whether a counter that wraps shows something between two of its truths."""
    if least_uj // range_uj < most_uj // range_uj:
        return uj >= least_uj % range_uj or uj <= most_uj % range_uj
    return least_uj % range_uj <= uj <= most_uj % range_uj


def check_counter(sim, range_uj, seconds):
    """It is the truth of when it was read; how often it wrapped."""
    path, end_ns, wraps, last = sim.path("intel-rapl:0"), boottime_ns() + seconds * 1e9, 0, 0
    readings = []
    while boottime_ns() < end_ns:
        readings.append(timed(lambda: int(path.read_text())))
        time.sleep(0.02)
    near = [r for r in readings if not sim.was_late(r[1], LATE_NS) and r[2] - r[1] < LATE_NS]
    assert len(near) > len(readings) / 2
    for value, begin_ns, read_ns in near:
        assert 0 <= value < range_uj
        # Of the line of the truth before it or after it, and not of all between.
        least, most = (sim.at(t).zone_uj("package-0")
                       for t in (begin_ns - 2 * LATE_NS, read_ns + LATE_NS))
        assert is_between(value, least, most, range_uj), (value, least, most)
        wraps += value < last
        last = value
    return wraps


def check_truth(sim, guest, outer, idle_w, busy_w, range_uj):
    start_ns, start_s = moment(sim, outer)
    assert check_counter(sim, range_uj, 8) >= 2
    end_ns, end_s = moment(sim, outer)
    before, after = sim.at(start_ns), sim.at(end_ns)

    def over(what, *args):
        return getattr(after, what)(*args) - getattr(before, what)(*args)

    assert over("zone_uj", "package-1", "idle") == pytest.approx((end_ns - start_ns) * idle_w / 1e3, rel=1e-3)
    assert over("zone_uj", "dram-1", "idle") == 0
    domain = sum(over("domain_uj", guest.uuid, f"package-{p}") for p in (0, 1))
    assert domain == pytest.approx((end_s - start_s) * busy_w * 1e6, rel=0.02)
    assert domain > 5e6 * busy_w
    for p in (0, 1):
        of_domain = over("domain_uj", guest.uuid, f"package-{p}")
        # A zone goes by /proc/stat, which on most kernels looks at what runs at each tick
        # of the clock: of a CPU that hardly works, it may miss some ticks' worth.
        assert of_domain <= over("zone_uj", f"package-{p}", "dynamic") * 1.03 + busy_w * 1e5
        assert of_domain * 5 / busy_w == pytest.approx(
            over("domain_uj", guest.uuid, f"dram-{p}"), rel=1e-3)


def test_simrapl_ends_with_its_parent(bed):
    command = f"exec '{bed.build}/tests/simrapl/simrapl' --dir '{bed.directory()}/sys'"
    with subprocess.Popen(["sh", "-c", f"sh -c \"{command}\" & echo $!; wait"],
                          stdout=subprocess.PIPE, text=True) as parent:
        # Whichever of the two is the quicker.
        child, = {parent.stdout.readline(), parent.stdout.readline()} - {"ready\n"}
        child = int(child)
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), "simrapl ends")


def test_scripts_say_how_they_are_called():
    for script, arguments in (("host", 4), ("enter", 2), ("image", 1), ("domain", 2)):
        r = subprocess.run([TESTBED / script], capture_output=True, text=True, check=False)
        assert r.returncode == 2 and f"usage: {script} " in r.stderr, (script, arguments)
