# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-guest --mount full, where the kernel has not made the directories."""
import contextlib
import os
import re
import signal
import stat
import subprocess
import time

import pytest

from bed import TESTS
from bed.fake_host import DRAM, PACKAGE, FakeHost, new_epoch
from bed.lone_agent import LoneAgent
from bed.process import wait_until

CLASS = "/sys/class/powercap"
DEVICES = "/sys/devices/virtual/powercap"
ENERGY = f"{CLASS}/intel-rapl:0/energy_uj"
SYSFS = ("/sys/class", "/sys/devices/virtual")
# As the fixtures of the tree have it.
ZONES = (PACKAGE, dict(DRAM, range_uj=65712999613))
# Nothing gets stale, and the agent does not ask again, on a machine that is busy.
PATIENT = {"period_ms": 60000, "stale_after_ms": 600000}

# Takes powercap out of a directory of sysfs, as if the kernel had none.
MASK = """
mask() {
    [ -e $1/powercap ] || return 0
    mkdir -p /run/mask
    mount -t tmpfs mask /run/mask
    for e in $1/*; do
        [ ${e##*/} = powercap ] || { mkdir /run/mask/${e##*/} && mount -o rbind $e /run/mask/${e##*/}; }
    done
    mount -o rbind /run/mask $1 && umount -l /run/mask
}
mask /sys/class; mask /sys/devices/virtual
"""


def listing(root):
    """What is in the directories that are covered; below, the machine may be busy."""
    found = {}
    for top in SYSFS:
        for entry in os.scandir(root + top):
            st = entry.stat(follow_symlinks=False)
            found[f"{top}/{entry.name}"] = (st.st_dev, st.st_ino, st.st_mode, st.st_uid, st.st_gid)
    return found


class Sysfs:
    """The sysfs of an agent's namespace, and what it was when this was made."""

    def __init__(self, guest):
        self.guest = guest
        self.mounts = self.mountinfo()
        self.listing = listing(guest.path())

    def mountinfo(self):
        with open(f"/proc/{self.guest.holder.pid}/mountinfo", encoding="ascii") as file:
            return file.read()

    def check_as_before(self):
        assert self.mountinfo() == self.mounts
        assert listing(self.guest.path()) == self.listing


@pytest.fixture(name="guest")
def guest_fixture(build, bed):
    made = LoneAgent(build, bed.directory())
    made.run_command("sh", "-c", MASK)
    assert not os.path.exists(made.path(CLASS)) and not os.path.exists(made.path(DEVICES))
    yield made
    made.close()


@pytest.fixture(name="host")
def host_fixture(guest):
    made = FakeHost(guest.port)
    yield made
    made.close()


def read(guest, path=ENERGY):
    with open(guest.path(path), encoding="ascii") as file:
        return file.read()


def shows(guest):
    with contextlib.suppress(OSError):
        return int(read(guest))
    return None


def start(guest, host, *uj, **other):
    """An agent whose tree is there."""
    agent = guest.start(mount="full", **other)
    host.greet(new_epoch(), *(uj or (1000, 10)), zones=ZONES, **PATIENT)
    wait_until(lambda: shows(guest), "the tree is there")
    return agent


def golden(directory):
    """Lines of the fixture of one package, below a directory of it."""
    lines = (TESTS / "fixtures/tree/both-1.txt").read_text().splitlines()
    return sorted(re.sub(r"(/energy_uj .*) \d+\\n$", r"\1", line) for line in lines
                  if line.startswith(f"./{directory}"))


def nodes(guest, directory):
    """The same, as it is in sysfs."""
    found = []
    for top, names, files in os.walk(guest.path("/sys", directory)):
        for path in [top] + [os.path.join(top, name) for name in names + files]:
            st = os.lstat(path)
            if path != top and stat.S_ISDIR(st.st_mode):
                continue
            detail = ""
            if stat.S_ISLNK(st.st_mode):
                detail = f" -> {os.readlink(path)}"
            elif stat.S_ISREG(st.st_mode) and not path.endswith("/energy_uj"):
                try:
                    with open(path, encoding="ascii") as file:
                        detail = " " + file.read().replace("\n", "\\n")
                except OSError:
                    detail = " EIO"
            name = "./" + os.path.relpath(path, guest.path("/sys"))
            found.append(f"{name} {st.st_mode:06o} {st.st_nlink} {st.st_size}{detail}".rstrip())
    return sorted(found)


def test_shown_and_gone(guest, host):
    before = Sysfs(guest)
    agent = start(guest, host, 5_000_000, 700_000)
    assert sorted(guest.mounts()) == [CLASS, DEVICES]
    assert int(read(guest)) == 5_000_000
    assert int(read(guest, f"{CLASS}/intel-rapl:0:0/energy_uj")) == 700_000
    for directory in ("class/powercap", "devices/virtual/powercap"):
        assert nodes(guest, directory) == [line.rstrip() for line in golden(directory)]
    run = subprocess.run(guest.command(
        "realpath", f"{CLASS}/intel-rapl:0/subsystem/intel-rapl:0:0",
        f"{DEVICES}/intel-rapl/subsystem"), capture_output=True, text=True, check=True)
    assert run.stdout.split() == [f"{DEVICES}/intel-rapl/intel-rapl:0/intel-rapl:0:0", CLASS]
    # All else is what it was.
    now = listing(guest.path())
    assert now.pop(CLASS) and now.pop(DEVICES)
    assert now == before.listing
    for directory in SYSFS:
        with pytest.raises(OSError):
            os.mkdir(guest.path(directory, "new"))
    assert agent.stop(30) == 0
    before.check_as_before()


@pytest.mark.parametrize("whose", ("keeper", "both", "worker"))
def test_killed_and_started_again(guest, host, whose):
    before = Sysfs(guest)
    agent = start(guest, host, 5000, 10)
    once = before.mountinfo().count("\n")
    worker = guest.worker(agent)
    if whose != "keeper":
        os.kill(worker, signal.SIGKILL)
    if whose != "worker":
        agent.kill()
        wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the worker is gone")
        # Left, and dead.
        assert shows(guest) is None
    else:
        assert agent.popen.wait(30) == 1
        before.check_as_before()
    agent = start(guest, host, 7, 10)
    assert int(read(guest)) >= 5000
    assert before.mountinfo().count("\n") == once
    assert agent.stop(30) == 0
    before.check_as_before()


def unmount(guest, mount="full"):
    """What a service runs after the agent; its exit status."""
    return subprocess.run(guest.command(guest.agent_command[0], "--unmount", "--mount", mount,
                                        "--config", "/dev/null"), check=False).returncode


def test_undone_without_another_agent(guest, host):
    before = Sysfs(guest)
    agent = start(guest, host, 5000, 10)
    # Not while it lives.
    assert unmount(guest) == 1
    assert int(read(guest)) >= 5000
    worker = guest.worker(agent)
    agent.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the worker is gone")
    assert before.mountinfo() != before.mounts
    # Whichever way was configured since then; and there may be nothing to do.
    for mount in ("auto", "full", guest.dir, "/nonexistent"):
        assert unmount(guest, mount) == 0
        before.check_as_before()


def test_left_for_another_way_to_mount(guest, host):
    """What is left is undone by an agent that is to mount elsewhere in sysfs, too."""
    before = Sysfs(guest)
    start(guest, host).kill()
    wait_until(lambda: shows(guest) is None, "it is dead")
    agent = guest.start(mount="auto")
    assert agent.popen.wait(30) == 1
    assert "has no /sys/class/powercap" in guest.log() and "use --mount full" in guest.log()
    before.check_as_before()


def test_ends_before_it_is_shown(guest, host):
    """The worker hangs: nothing is shown, and the agent can still be ended."""
    before = Sysfs(guest)
    agent = guest.start(mount="full")
    worker = guest.worker(agent)
    host.accept()
    hello = host.receive_type("hello")
    host.welcome(hello, new_epoch(), **PATIENT)
    os.kill(worker, signal.SIGSTOP)
    host.sample(1000, 10)
    time.sleep(0.3)
    before.check_as_before()
    assert agent.stop(30) == 1
    before.check_as_before()


def test_sysfs_of_all(guest, host):
    """Other namespaces that get the machine's mounts get these, and lose them again."""
    guest.run_command("mount", "--make-rshared", "/")
    with subprocess.Popen(guest.command(
            "setpriv", "--pdeathsig", "KILL", "unshare", "-m", "--propagation", "slave",
            "sh", "-c", "echo; exec sleep infinity"), stdout=subprocess.PIPE) as other:
        try:
            other.stdout.readline()
            before = Sysfs(guest)
            agent = start(guest, host)
            with open(f"/proc/{other.pid}/root{ENERGY}", encoding="ascii") as file:
                assert int(file.read()) >= 1000
            assert agent.stop(30) == 0
            before.check_as_before()
            assert not os.path.exists(f"/proc/{other.pid}/root{CLASS}")
        finally:
            other.kill()


def assert_refuses(guest, text, **other):
    agent = guest.start(**other)
    assert agent.popen.wait(30) == 1
    assert text in guest.log()


@pytest.mark.parametrize("mount", ("full", "DIR"))
def test_second_agent_says_whose_it_is(guest, host, mount):
    other = str(guest.base / "run2")
    if mount == "full":
        agent = start(guest, host)
        served = CLASS
    else:
        mount = served = guest.dir
        agent = guest.start()
        host.greet(new_epoch(), 1000, 10, **PATIENT)
    before = Sysfs(guest)
    assert_refuses(guest, f"process {agent.pid} holds {guest.run}/lock", mount=mount)
    assert_refuses(guest, f"{served} is served by another vmpower-guest, process {agent.pid}: ",
                   mount=mount, run=other)
    before.check_as_before()
    host.deliver(2000, 20)
    # Files that are left, and held by nobody, are in nobody's way.
    assert agent.stop(30) == 0
    assert os.path.exists(os.path.join(guest.run, "lock")) and \
        os.path.exists(os.path.join(other, "lock"))
    agent = guest.start(mount=mount, run=other)
    host.greet(new_epoch(), 3000, 10, **PATIENT)
    wait_until(lambda: guest.mounts(), "the second one has its turn")
    assert agent.stop(30) == 0


def test_two_agents_at_the_same_time(guest, host, bed):
    """Both waited for their host: the second to get one finds the place taken."""
    second_port = str(bed.directory() / "port")
    first = guest.start(mount="full")
    wait_until(lambda: guest.worker(first), "the first waits")
    second = guest.start("--port", second_port, mount="full", run=str(guest.base / "run2"))
    wait_until(lambda: guest.worker(second), "the second waits")
    host.greet(new_epoch(), 1000, 10, **PATIENT)
    wait_until(lambda: shows(guest), "the tree is there")
    before = Sysfs(guest)
    late = FakeHost(second_port)
    try:
        # It hangs up in place of an ack.
        with pytest.raises((AssertionError, OSError)):
            late.greet(new_epoch(), 9000, 90, **PATIENT)
        assert second.popen.wait(30) == 1
    finally:
        late.close()
    assert f"is served by another vmpower-guest, process {first.pid}: " in guest.log()
    before.check_as_before()
    assert int(read(guest)) == 1000


LIST = "cat /proc/self/mountinfo; ls -l /sys/class /sys/devices/virtual"
READ = f"cat {ENERGY}"
METRICS = "http://127.0.0.1:9100/metrics"


@pytest.fixture(scope="module", name="vm")
def vm_fixture(module_bed):
    return module_bed.guest(module_bed.host(), "vm", "-a", "vmpower.agent=no")


@pytest.fixture(name="vm_host")
def vm_host_fixture(vm):
    made = FakeHost(vm.host.path(vm.channel()), listen=False)
    yield made
    made.close()


def start_in(vm, host, *uj):
    """The agent in the guest; its keeper's pid."""
    pid = vm.spawn("exec vmpower-guest --run-dir /run/vmpower --mount full",
                   "/var/log/vmpower-guest.log")
    host.greet(new_epoch(), *uj, **PATIENT)
    vm.wait_for_tree()
    return pid


def stop_in(vm, pid, host):
    vm.kill(pid)
    wait_until(lambda: vm.status_of(f"test -e /proc/{pid}") != 0, "it has ended")
    host.hang_up()


def test_guest_without_the_devices(vm, vm_host):
    """The kernel of most distributions; unmodified tools read it."""
    assert vm.run(f"ls {CLASS}; test -e {DEVICES} || echo none") == "none"
    before = vm.run(LIST)
    pid = start_in(vm, vm_host, 5_000_000, 700_000)
    assert vm.run("grep -c vmpower: /proc/self/mountinfo") == "3"
    assert vm.run("stat -f -c %T /sys/class /sys/devices/virtual").split() == ["sysfs", "tmpfs"]
    assert vm.run("powercap-info -p intel-rapl -z 0:0 -j") == "700000"
    exporter = vm.spawn("exec prometheus-node-exporter --collector.disable-defaults "
                        "--collector.rapl --web.listen-address=127.0.0.1:9100")
    wait_until(lambda: vm.status_of(f"wget -q -O /dev/null {METRICS}") == 0, "it answers")
    text = vm.run(f"wget -q -O - {METRICS}")
    assert re.search(r'^node_rapl_package_joules_total\{index="0",.*\} 5$', text, re.MULTILINE)
    vm.kill(exporter)
    stop_in(vm, pid, vm_host)
    assert vm.run(LIST) == before


def test_guest_without_powercap(vm, vm_host):
    vm.run(MASK)
    vm.run(f"! test -e {CLASS} && ! test -e {DEVICES}")
    before = vm.run(LIST)
    pid = start_in(vm, vm_host, 8_000_000, 900_000)
    assert vm.run("grep -c vmpower: /proc/self/mountinfo") == "4"
    assert vm.run(f"realpath {CLASS}/intel-rapl:0") == f"{DEVICES}/intel-rapl/intel-rapl:0"
    # What is in the covered directories is sysfs, as before.
    assert vm.run("realpath /sys/class/net/lo; stat -f -c %T /sys/class/net/ /sys/class/net/lo/; "
                  "echo 65000 >/sys/class/net/lo/mtu; cat /sys/class/net/lo/mtu").split() == \
        ["/sys/devices/virtual/net/lo", "sysfs", "sysfs", "65000"]
    shown = int(vm.run(READ))
    vm.kill(pid, "KILL")
    wait_until(lambda: vm.status_of(READ) != 0, "it is dead")
    vm_host.hang_up()
    pid = start_in(vm, vm_host, 1, 1)
    assert vm.run("grep -c vmpower: /proc/self/mountinfo") == "4"
    assert int(vm.run(READ)) >= shown
    stop_in(vm, pid, vm_host)
    assert vm.run(LIST) == before


def test_price(vm, vm_host):
    """What the man page says: the first device of a kind is not seen meanwhile."""
    pid = start_in(vm, vm_host, 1, 1)
    vm.run("modprobe loop")
    assert vm.run("readlink /sys/class/block/loop0")
    assert vm.status_of("test -e /sys/class/block/loop0/size") != 0
    stop_in(vm, pid, vm_host)
    vm.run("test -e /sys/class/block/loop0/size")
