# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The test bed itself: a bed that is wrong proves nothing."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

import pytest

from bed import TESTBED
from bed.process import wait_until
from gx import AgentError


def host_groups(pid):
    """cgroups of the host whose outer script has that pid."""
    return list(pathlib.Path("/sys/fs/cgroup").glob(f"**/vmpower-*-{pid}"))


def test_host_is_private(bed):
    outside = set(os.listdir("/run"))
    host = bed.host("one")
    assert host.virsh("list", "--all") == ""
    assert host.virsh("hostname") == "one"
    # Nothing of the machine: not its processes, not its /run, not its network.
    processes = host.run("ps", "-eo", "comm=").stdout.split()
    assert set(processes) <= {"host", "sleep", "libvirtd", "ps"}, processes
    assert host.run("ip", "-o", "link").stdout.count("\n") == 1
    # Where libvirt's directories are missing, hosts share a list of those they made.
    assert set(os.listdir("/run")) - outside <= {"vmpower-testbed.made"}
    assert host_groups(host.process.pid)
    host.close()
    assert set(os.listdir("/run")) == outside
    assert not host_groups(host.process.pid)
    bed.host("two").restart_libvirtd()


def test_host_ends_with_its_starter(bed):
    """SIGKILL of the script: its guests and libvirtd go too. Only empty cgroups stay."""
    host = bed.host()
    inside = host.ns_pid()
    host.process.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{inside}"), "the host is gone")
    groups = host_groups(host.process.pid)
    assert groups
    for group in groups:
        subprocess.run(["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"],
                       check=True)


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
        one.agent.run("sleep 5", seconds=0.2)
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
                      dram_idle_w=0, dram_busy_w=5)
    guest = bed.guest(host, "one", "-c", 2)
    qemu = int(host.run("sh", "-c", "cat /run/libvirt/qemu/one.pid").stdout)
    outer = pid_outside(host, qemu)

    # Where a thread that moves was, the kernel's ticks and ours tell apart differently.
    for vcpu in (0, 1):
        host.virsh("vcpupin", guest.name, vcpu, vcpu % os.cpu_count(), "--live")
    host.virsh("emulatorpin", guest.name, 0, "--live")
    guest.load(0.9, cpu=0)
    def read():
        """A value, and the times between which it was read."""
        begin_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        value = int(sim.path("intel-rapl:0").read_text())
        return value, begin_ns, time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    start_ns, start_s = time.clock_gettime_ns(time.CLOCK_BOOTTIME), busy_seconds(outer)
    first, *began = read()
    last, *ended, wraps = first, *began, 0
    while ended[1] < start_ns + 8e9:
        now, *ended = read()
        assert 0 <= now < range_uj
        wraps += now < last
        last = now
        time.sleep(0.02)
    shown = wraps * range_uj + last - first
    end_ns, end_s = time.clock_gettime_ns(time.CLOCK_BOOTTIME), busy_seconds(outer)
    before, after = sim.at(start_ns), sim.at(end_ns)

    def over(what, *args):
        return getattr(after, what)(*args) - getattr(before, what)(*args)

    assert wraps >= 2
    least, most = (sim.at(b).zone_uj("package-0") - sim.at(a).zone_uj("package-0")
                   for a, b in ((began[1], ended[0]), (began[0], ended[1])))
    assert 0.99 * least <= shown <= 1.01 * most
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
        child = int(parent.stdout.readline())
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), "simrapl ends")


def test_scripts_say_how_they_are_called():
    for script, arguments in (("host", 4), ("enter", 2), ("image", 1), ("domain", 2)):
        r = subprocess.run([TESTBED / script], capture_output=True, text=True, check=False)
        assert r.returncode == 2 and f"usage: {script} " in r.stderr, (script, arguments)
