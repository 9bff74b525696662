# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-guest --msr on: RAPL registers in the msr files of the CPUs."""
import bisect
import contextlib
import errno
import os
import re
import stat
import subprocess
import time

import pytest

from bed.clock import Clock
from bed.fake_host import FakeHost, new_epoch
from bed.guest import POWERCAP
from bed.lone_agent import LoneAgent, children, proc_field
from bed.process import in_one_of, wait_until
from bed.recorder import Recorder
from bed.tools import STAMP, uptimes
from bed.watch import Watch

UNITS, LIMIT, ENERGY = 0x606, 0x610, 0x611
DRAM_LIMIT, DRAM_ENERGY = 0x618, 0x619
RAPL = (0x606, 0x610, 0x611, 0x613, 0x614, 0x618, 0x619, 0x61B, 0x61C, 0x639, 0x641, 0x64D,
        0xC0010299, 0xC001029A, 0xC001029B)
UNITS_PER_UJ = 2**14 / 1e6
CAP_SYS_RAWIO, CAP_SYS_PTRACE = 17, 19
MSR = "/dev/cpu/0/msr"
# Nothing gets stale, and the agent does not ask again, on a machine that is busy.
PATIENT = {"period_ms": 60000, "stale_after_ms": 600000}
# What the real device of a namespace has, which is a file.
OTHERS = {0x10: 0x1122334455667788, 0x1A0: 0x40001, 0xC0000080: 0xD01}

# A /dev with a device that is none, for one CPU.
DEVICES = """
set -e
mount -t tmpfs dev "$1"
for n in null fuse; do : >"$1/$n"; mount --bind "/dev/$n" "$1/$n"; done
mkdir -p "$1/cpu/0"
truncate -s 8G "$1/cpu/0/msr"
chmod 600 "$1/cpu/0/msr"
mount --rbind "$1" /dev
"""


def capabilities(pid, kind="CapPrm"):
    """Their numbers."""
    bits = int(proc_field(pid, kind)[0], 16)
    return {n for n in range(64) if bits >> n & 1}


@pytest.fixture(name="guest")
def guest_fixture(build, bed):
    if not {CAP_SYS_RAWIO, CAP_SYS_PTRACE} <= capabilities("self"):
        pytest.skip("root of this machine is not capable of what it takes")
    made = LoneAgent(build, bed.directory())
    devices = str(bed.directory())
    made.run_command("sh", "-c", DEVICES, "sh", devices)
    for register, value in OTHERS.items():
        write(made, register, value)
    yield made
    made.close()


@pytest.fixture(name="host")
def host_fixture(guest):
    made = FakeHost(guest.port)
    yield made
    made.close()


@contextlib.contextmanager
def opened(guest, flags=os.O_RDONLY):
    fd = os.open(guest.path(MSR), flags)
    try:
        yield fd
    finally:
        os.close(fd)


def read(guest, register):
    with opened(guest) as fd:
        data = os.pread(fd, 8, register)
    assert len(data) == 8
    return int.from_bytes(data, "little")


def write(guest, register, value):
    with opened(guest, os.O_RDWR) as fd:
        return os.pwrite(fd, value.to_bytes(8, "little"), register)


def errno_of(function, *args):
    try:
        function(*args)
    except OSError as error:
        return error.errno
    return 0


def start(guest, host, *uj, **times):
    agent = guest.start("--msr", "on")
    host.greet(new_epoch(), *(uj or (1_000_000, 2_000_000)), **(times or PATIENT))
    assert sorted(guest.mounts()) == [MSR, guest.dir]
    return agent


def is_as_before(guest):
    """The device's own file, which has nothing in place of energy."""
    return not guest.mounts() and read(guest, ENERGY) == 0 and read(guest, 0x10) == OTHERS[0x10]


def test_off_is_the_default(guest, host):
    agent = guest.start()
    host.greet(new_epoch(), 1000, 10, **PATIENT)
    assert guest.mounts() == [guest.dir] and read(guest, ENERGY) == 0
    assert children(agent.pid) == [guest.worker(agent)]
    # What it would take is given up.
    assert not {CAP_SYS_RAWIO, CAP_SYS_PTRACE} & capabilities(agent.pid)


def test_registers(guest, host):
    before = os.stat(guest.path(MSR))
    agent = start(guest, host)
    assert read(guest, UNITS) == 0xA0E03
    assert read(guest, ENERGY) == 2**14 and read(guest, 0xC001029B) == 2**16
    assert read(guest, DRAM_ENERGY) in (2 * 2**14, 2 * 2**16)  # this machine's CPU says which
    assert read(guest, LIMIT) >> 63 == 1 and read(guest, DRAM_LIMIT) >> 31 & 1 == 1
    for register, value in OTHERS.items():
        assert read(guest, register) == value
    now = os.stat(guest.path(MSR))
    for field in ("st_uid", "st_gid", "st_mode"):
        assert getattr(now, field) == getattr(before, field)
    assert now.st_size == 0
    assert agent.stop(30) == 0
    assert is_as_before(guest)


def test_writes(guest, host):
    agent = start(guest, host)
    for register in RAPL:
        assert errno_of(write, guest, register, 0) == errno.EIO
    assert write(guest, 0x1A0, 0x123456789A) == 8
    assert read(guest, 0x1A0) == 0x123456789A
    assert os.stat(guest.path(MSR)).st_size == 0
    with opened(guest, os.O_RDWR | os.O_TRUNC) as fd:
        assert errno_of(os.pread, fd, 4, UNITS) == errno.EINVAL
        assert errno_of(os.pwrite, fd, b"12345", 0x10) == errno.EINVAL
        assert int.from_bytes(os.pread(fd, 8, UNITS), "little") == 0xA0E03
    os.chmod(guest.path(MSR), 0o640)
    os.chown(guest.path(MSR), 0, 1)
    now = os.stat(guest.path(MSR))
    assert (stat.S_IMODE(now.st_mode), now.st_gid) == (0o640, 1)
    assert agent.stop(30) == 0
    # What was allowed reached the device, and nothing else did.
    assert read(guest, 0x1A0) == 0x123456789A and read(guest, LIMIT) == 0
    assert stat.S_IMODE(os.stat(guest.path(MSR)).st_mode) == 0o600


def test_same_line_as_powercap(guest, host):
    """Read between two readings of energy_uj, a register has what is between them."""
    start(guest, host, 1_000_000, 2_000_000, period_ms=1000, stale_after_ms=60000)
    host.deliver(81_000_000, 22_000_000)
    seen = []
    with opened(guest) as fd:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            low = guest.energy()
            found = int.from_bytes(os.pread(fd, 8, ENERGY), "little")
            high = guest.energy()
            assert int(low * UNITS_PER_UJ) <= found <= int(high * UNITS_PER_UJ)
            seen.append(found)
            time.sleep(0.01)
    # As often as it was read, but for what was read at the same time.
    assert len(seen) / 2 < len(set(seen)) > 1


def test_wraps_at_32_bits(guest, host):
    begin_uj, end_uj = 262_143_999_000, 262_145_000_000
    start(guest, host, begin_uj, 10, period_ms=200, stale_after_ms=60000)
    first = read(guest, ENERGY)
    assert first == int(begin_uj * 2**14 // 10**6) == 2**32 - 17
    host.deliver(end_uj, 10)
    seen = [first]

    def wrapped():
        seen.append(read(guest, ENERGY))
        return seen[-1] < first
    wait_until(wrapped, "it wraps", every=0.002)
    steps = [(b - a) % 2**32 for a, b in zip(seen, seen[1:])]
    assert sum(steps) <= (end_uj - begin_uj) * UNITS_PER_UJ + 1


def test_stale(guest, host):
    start(guest, host, 1_000_000, 10, period_ms=200, stale_after_ms=1000)
    wait_until(lambda: errno_of(read, guest, ENERGY) == errno.EIO, "EIO")
    assert guest.energy_errno() == errno.EIO
    assert read(guest, UNITS) == 0xA0E03 and read(guest, 0x10) == OTHERS[0x10]
    host.hang_up()
    host.greet(new_epoch(), 5, 5, **PATIENT)
    assert read(guest, ENERGY) == 2**14


DD = ("dd", f"if={MSR}", "of=/dev/null", "bs=8", "count=1", "iflag=skip_bytes", f"skip={UNITS}")
NOBODY = ("setpriv", "--reuid", "65534", "--clear-groups")


def outcome(guest, *words):
    run = subprocess.run(guest.command(*words, *DD), capture_output=True, text=True, check=False)
    return "read" if run.returncode == 0 else run.stderr.strip().rsplit(": ", 1)[-1]


def test_who_may_open(guest, host):
    """As with the device: by its permissions, and with CAP_SYS_RAWIO."""
    start(guest, host)
    assert outcome(guest) == "read"
    assert outcome(guest, "unshare", "-p", "-f") == "read"
    assert outcome(guest, "setpriv", "--bounding-set", "-sys_rawio") == "Operation not permitted"
    assert outcome(guest, *NOBODY) == "Permission denied"
    # Root of a user namespace of its own has all capabilities, in there.
    assert outcome(guest, "unshare", "-U", "-r") == "Operation not permitted"
    os.chmod(guest.path(MSR), 0o644)
    assert outcome(guest, *NOBODY) == "Operation not permitted"
    assert outcome(guest, *NOBODY, "--inh-caps", "+sys_rawio", "--ambient-caps", "+sys_rawio") == \
        "read"


def test_worker_has_no_device(guest, host):
    """And the server has nothing of the worker's."""
    agent = start(guest, host)
    worker, server = children(agent.pid)
    # It has begun.
    assert read(guest, UNITS) == 0xA0E03

    def open_files(pid):
        return [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
    assert not [path for path in open_files(worker) if "msr" in path]
    names = sorted(path for path in open_files(server) if path.startswith("/"))
    assert names == sorted([MSR, "/dev/fuse", "/dev/null"] + 2 * [str(guest.log_path)])
    assert proc_field(server, "Uid") == proc_field(worker, "Uid") != ["0"] * 4
    assert capabilities(server) == {CAP_SYS_PTRACE} and not capabilities(server, "CapBnd")
    assert proc_field(server, "NoNewPrivs") == ["1"]


@pytest.mark.parametrize("then", ("on", "off"))
def test_killed_and_started_again(guest, host, then):
    agent = start(guest, host, 5_000_000, 10)
    processes = children(agent.pid)
    agent.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in processes), "all are gone")
    # Left, and dead.
    assert errno_of(read, guest, ENERGY) == errno.ENOTCONN
    agent = guest.start("--msr", then)
    host.greet(new_epoch(), 7, 10, **PATIENT)
    if then == "on":
        assert sorted(guest.mounts()) == [MSR, guest.dir]
        assert read(guest, ENERGY) == 5 * 2**14
    else:
        assert guest.mounts() == [guest.dir] and read(guest, ENERGY) == 0
    assert agent.stop(30) == 0
    assert is_as_before(guest)


@pytest.mark.parametrize("msr", ("on", "off"))
def test_killed_and_unmounted(guest, host, msr):
    """As the service does it. Of an agent that lives nothing is undone."""
    agent = start(guest, host)
    unmount = guest.command(guest.agent_command[0], "--unmount", "--mount", guest.dir,
                            "--config", "/dev/null", "--msr", msr)
    assert subprocess.run(unmount, check=False).returncode == 1
    assert sorted(guest.mounts()) == [MSR, guest.dir]
    processes = children(agent.pid)
    agent.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in processes), "all are gone")
    subprocess.run(unmount, check=True)
    assert is_as_before(guest)


def test_server_killed(guest, host):
    """All of it ends, and nothing is left."""
    agent = start(guest, host)
    os.kill(children(agent.pid)[1], 9)
    assert agent.popen.wait(30) == 1
    assert "the server of the msr files was killed by signal 9" in guest.log()
    assert is_as_before(guest)


def test_worker_killed(guest, host):
    agent = start(guest, host)
    os.kill(guest.worker(agent), 9)
    assert agent.popen.wait(30) == 1
    assert is_as_before(guest)


def test_second_agent(guest, host):
    agent = start(guest, host)
    other = {"mount": str(guest.base / "tree2"), "run": str(guest.base / "run2")}
    os.mkdir(other["mount"])
    second = guest.start("--msr", "on", **other)
    assert second.popen.wait(30) == 1
    assert f"{MSR} is served by another vmpower-guest, process {agent.pid}: " in guest.log()
    # One that leaves them alone is in nobody's way.
    second = guest.start("--msr", "off", **other)
    wait_until(lambda: os.path.exists(f"{other['run']}/status.json"), "it waits for its host")
    assert second.stop(30) == 0
    assert read(guest, ENERGY) == 2**14


def test_without_the_module(guest):
    guest.run_command("rm", "-r", "/dev/cpu/0")
    assert guest.start("--msr", "on").popen.wait(30) == 1
    assert "there is no /dev/cpu/0/msr: load the module msr (modprobe msr)" in guest.log()


@pytest.fixture(scope="module", name="vm")
def vm_fixture(module_bed):
    """A guest of a CPU that turbostat knows; its agent is not started."""
    host = module_bed.host()
    # The shown value is some time behind: what varies is to be the smaller part.
    sim = module_bed.simrapl(host, idle_w=40, busy_w=4, dram_idle_w=8, dram_busy_w=1)
    config = module_bed.directory() / "hostd.conf"
    config.write_text('[zone "package-0"]\nidle_w = 40\n[zone "dram-0"]\nidle_w = 8\n')
    hostd = module_bed.hostd(host, sim, "--config", config)
    made = module_bed.guest(host, "vm", "-M", "Skylake-Server", "-c", 2, "-s", 1,
                            "-a", "vmpower.agent=no")
    made.watch = Watch(hostd)
    try:
        yield made
    finally:
        made.watch.close()


AGENT = "exec vmpower-guest --run-dir /run/vmpower"
LOG = "/var/log/vmpower-guest.log"
# Some of the kernel's own, which do not move; the last one nothing here uses.
KERNELS = "0x1b 0x1a0 0x277 0xc0000080 0xc0000082 0x175"
SHOW = f"for r in {KERNELS}; do for p in 0 1; do rdmsr -p $p $r; done; done"
INTERVAL_S = 4
WINDOW_S = 2 * INTERVAL_S


def mounted(vm):
    return vm.run("sed -n 's|.* /\\(dev/cpu/[^ ]*\\) .* fuse.vmpower .*|\\1|p' /proc/self/mountinfo")


def serve(vm):
    """An agent serves the files of both CPUs: the one of the test before, or a new one."""
    if not vm.agent_pids():
        vm.run("modprobe msr")
        vm.spawn(f"{AGENT} --msr on", LOG)
    vm.wait_for_tree()
    wait_until(lambda: len(mounted(vm).split()) == 2, "both CPUs have their files")


@pytest.fixture(name="served")
def served_fixture(vm):
    serve(vm)
    return vm


def stop_in(vm, pid):
    vm.kill(pid)
    wait_until(lambda: vm.status_of(f"test -e /proc/{pid}") != 0, "it has ended")


def test_guest_without_the_module(vm):
    vm.run(f"! {AGENT[5:]} --msr on 2>/tmp/log")
    assert "load the module msr (modprobe msr)" in vm.run("cat /tmp/log")


def test_guest_off(vm):
    vm.run("modprobe msr")
    # What it keeps is not for the next one, whose line would have to make up for a pause.
    pid = vm.spawn("exec vmpower-guest --run-dir /run/off", LOG)
    vm.wait_for_tree()
    assert mounted(vm) == "" and vm.run("stat -c '%F %t:%T' /dev/cpu/1/msr") == \
        "character special file ca:1"
    assert vm.run(f"rdmsr -d {ENERGY}") == "0"
    stop_in(vm, pid)


def read_beside_powercap(vm, zone, register, unit):
    """Values of a register, each of which is between those of its zone before and after."""
    energy = f"{POWERCAP}/intel-rapl:{zone}/energy_uj"
    out = vm.run(f"for i in 1 2 3 4 5 6; do cat {energy}; rdmsr -d {register}; cat {energy}; done")
    values = [int(line) for line in out.split()]
    for low, found, high in zip(values[0::3], values[1::3], values[2::3]):
        assert low * unit // 10**6 <= found <= high * unit // 10**6
    return values[1::3]


def test_guest_reads(vm):
    vm.run("modprobe msr")
    before = vm.run(SHOW)
    serve(vm)
    assert sorted(mounted(vm).split()) == ["dev/cpu/0/msr", "dev/cpu/1/msr"]
    assert vm.run(SHOW) == before
    assert vm.run(f"rdmsr -p 1 {UNITS}") == "a0e03"
    # rdmsr and energy_uj: what one reads is between what the other reads before and after.
    for zone, register, unit in (("0", ENERGY, 2**14), ("0:0", DRAM_ENERGY, 2**16)):
        first = read_beside_powercap(vm, zone, register, unit)[0]
        wait_until(lambda a=(zone, register, unit), f=first: read_beside_powercap(vm, *a)[-1] > f,
                   "the register moves")
    assert vm.status_of(f"wrmsr {LIMIT} 1") != 0


def interpolated(points, x):
    """Between the two points of a sorted list of (x, y) that x is between."""
    after = bisect.bisect([p[0] for p in points], x)
    assert 0 < after < len(points)
    (a, u), (b, v) = points[after - 1], points[after]
    return u + (v - u) * (x - a) / (b - a)


def windows(begin_s, end_s):
    """Where those of turbostat can have been: it says neither when it begins nor ends."""
    first, last = round((begin_s + INTERVAL_S) * 10), round((end_s - WINDOW_S) * 10)
    return [(t / 10, t / 10 + WINDOW_S) for t in range(first, last + 1)]


def test_guest_turbostat(served):
    """On a machine that is busy samples come late, and the line goes on the slower; so it
    is told what the ledger had when the line was there.

    turbostat's first interval does not count. A thread of its timer begins to add up the
    counters while its main one reads them for the first time: what that has read can be of
    before the other's sum, and the difference is taken for a wrap.
    """
    vm = served
    if vm.status_of("test -x /bin/turbostat") != 0:
        pytest.skip("the distribution has turbostat for some kernels only")
    recorder = Recorder(vm)
    in_one_of(3, lambda: check_turbostat(vm, recorder))


def check_turbostat(vm, recorder):
    clock = Clock(vm)
    clock.set()
    out = vm.run(f"{STAMP}; turbostat --quiet -S -s PkgWatt,RAMWatt -n 3 -i {INTERVAL_S} 2>&1; "
                 f"{STAMP}; sleep 1", seconds=WINDOW_S + 60)
    clock.set()
    vm.watch.sleep(1)
    shown = [((r.begin_s + r.end_s) / 2, r.energy_uj) for r in recorder.readings()]
    rows = re.findall(r"^(\d+\.\d+)\t(\d+\.\d+)$", out, re.MULTILINE)
    assert len(rows) == 3, out

    def ledger_w(zone, begin_s, end_s):
        a_uj, b_uj = (vm.watch.guest_uj(vm.uuid, zone, clock.host_ns(t))
                      for t in (begin_s, end_s))
        return (b_uj - a_uj) / WINDOW_S / 1e6

    def shown_share(begin_s, end_s):
        a_uj, b_uj = (interpolated(shown, t) for t in (begin_s, end_s))
        return (b_uj - a_uj) / WINDOW_S / 1e6 / ledger_w(0, begin_s, end_s)
    for zone in (0, 1):
        watts = sum(float(row[zone]) for row in rows[1:]) / 2
        expected = [ledger_w(zone, *w) * shown_share(*w) for w in windows(*uptimes(out))]
        ledger = ledger_w(zone, *windows(*uptimes(out))[-1])
        print(f"turbostat, zone {zone}: {watts} W, ledger {ledger:.3f} W, "
              f"{watts / ledger - 1:+.2%}; shown {min(expected):.3f} to {max(expected):.3f} W")
        assert 0.98 * min(expected) - 0.01 <= watts <= 1.02 * max(expected) + 0.01


def test_guest_hotplug(served):
    """A CPU that comes back is served again; its device is its own meanwhile."""
    vm = served
    vm.run("echo 0 >/sys/devices/system/cpu/cpu1/online")
    wait_until(lambda: mounted(vm) == "dev/cpu/0/msr", "its file has gone")
    vm.run("echo 1 >/sys/devices/system/cpu/cpu1/online")
    wait_until(lambda: "dev/cpu/1/msr" in mounted(vm), "its file is back")
    assert int(vm.run(f"rdmsr -p 1 -d {ENERGY}")) > 0


def test_guest_killed_and_ended(served):
    """Nothing is left, but what was written to the devices."""
    vm = served
    vm.run("wrmsr -p 0 0x175 0x1234")
    keeper = vm.agent_pids()[0]
    vm.kill(keeper, "KILL")
    wait_until(lambda: vm.status_of("rdmsr 0x606 2>/dev/null") != 0, "it is dead")
    pid = vm.spawn(f"{AGENT} --msr on", LOG)
    wait_until(lambda: vm.status_of(f"rdmsr {UNITS} | grep a0e03") == 0, "it is back")
    stop_in(vm, pid)
    assert mounted(vm) == "" and vm.run(f"rdmsr -d {ENERGY}") == "0"
    assert vm.run("rdmsr -p 0 0x175") == "1234"
