# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-guest on a virtio-serial port, in a virtual machine; the host is faked."""
import statistics
import time

import pytest

from bed.fake_host import FakeHost, new_epoch
from bed.process import in_one_of, wait_until

PORT = "/dev/virtio-ports/org.vmpower.0"
# Nothing gets stale, and the agent does not ask again, on a machine that is busy.
PATIENT = {"period_ms": 60000}


@pytest.fixture(scope="module", name="vm")
def vm_fixture(module_bed):
    host = module_bed.host()
    return module_bed.guest(host, "vm")


@pytest.fixture(name="host")
def host_fixture(vm):
    made = FakeHost(vm.host.path(vm.channel()), listen=False)
    yield made
    made.close()
    # Else it would take the next one for this one, and be patient.
    wait_until(lambda: link(vm) in ("no-host", "no-port"), "the loss is seen")


def link(vm):
    status = vm.status()
    return status and status["link"]


def worker(vm):
    return vm.run("pidof vmpower-guest | tr ' ' '\\n' | while read p; do "
                  "grep -q '^Uid:.990' /proc/$p/status && echo $p; done; :")


def wakeups(vm, pid):
    return int(vm.run(f"grep ^voluntary_ctxt /proc/{pid}/status").split()[1])


def check_sleeps(vm, seconds, most):
    """The agent wakes up no more often than that."""
    pid = worker(vm)

    def sleeps():
        before = wakeups(vm, pid)
        time.sleep(seconds)
        assert wakeups(vm, pid) - before <= most
    # It may still have had to finish what it was about.
    in_one_of(3, sleeps)


def test_sleeps_without_a_host(vm):
    wait_until(lambda: link(vm) == "no-host", "the agent has its port")
    check_sleeps(vm, 5, 0)


def test_host_comes_and_goes(vm, host):
    epoch, took_s = new_epoch(), []
    for uj in (1000, 2000, 3000):
        begin = time.monotonic()
        host.greet(epoch, uj, 10)
        took_s.append(time.monotonic() - begin)
        wait_until(lambda: vm.energy_uj() == uj, "all is shown")  # pylint: disable=cell-var-from-loop
        host.hang_up()
        wait_until(lambda: link(vm) == "no-host", "the loss is seen")
    # The port says so at once when a host connects.
    assert min(took_s) < 2
    check_sleeps(vm, 3, 1)


def test_sleeps_between_samples(vm, host):
    host.greet(new_epoch(), 1000, 10, **PATIENT)
    pid = worker(vm)
    counts = [wakeups(vm, pid)]
    for i in range(5):
        host.deliver(1001 + i, 11)
        time.sleep(1)
        counts.append(wakeups(vm, pid))
    # The sample, and the port's news that the ack is on its way; what takes its time on the
    # way may come in parts.
    assert statistics.median(b - a for a, b in zip(counts, counts[1:])) <= 2, counts


def test_backlog_of_a_host_that_left(vm, host):
    """What QEMU kept for a guest that had no agent is not taken for news."""
    vm.run("kill -STOP $(pidof vmpower-guest)")
    host.accept()
    host.send(b'{"type":"sample","seq":99,"t_ns":"1","quality":"measured","uj":["9","9"]}\n' * 50)
    vm.run("kill -CONT $(pidof vmpower-guest)")
    hello = host.receive_type("hello")
    host.begin(hello, new_epoch(), 5, 5)
    assert vm.energy_uj() < 10000


def test_detached_and_attached(vm, host):
    host.greet(new_epoch(), 5000, 10, **PATIENT)
    before = vm.energy_uj()
    channel = vm.detach_channel()
    wait_until(lambda: link(vm) == "no-port", "the port is gone")
    assert vm.status_of(f"test -e {PORT}") != 0
    assert vm.energy_uj() >= before
    host.hang_up()
    pid = worker(vm)
    begin = time.monotonic()
    count = wakeups(vm, pid)
    time.sleep(3)
    assert wakeups(vm, pid) - count <= 1 + (time.monotonic() - begin)
    vm.attach_channel(channel)
    wait_until(lambda: link(vm) == "no-host", "the port is back")
    host.path = vm.host.path(vm.channel())
    host.greet(new_epoch(), 1, 1)
    assert vm.energy_uj() >= before


def test_stale_then_killed(vm, host):
    epoch = new_epoch()
    host.greet(epoch, 1, 1, period_ms=200, stale_after_ms=1000)
    read = "cat /sys/class/powercap/intel-rapl:0/energy_uj"
    wait_until(lambda: vm.status_of(read) != 0, "EIO")
    assert "Input/output error" in vm.run(f"{read} 2>&1", check=False)
    host.hang_up()
    wait_until(lambda: link(vm) == "no-host", "the loss is seen")
    host.greet(epoch, 50, 1, **PATIENT)
    before = vm.energy_uj()
    vm.kill(worker(vm), "KILL")
    host.receive_type("hello")
    host.hang_up()
    host.greet(new_epoch(), 7, 1)
    wait_until(lambda: vm.status_of(read) == 0, "the tree is back")
    assert vm.energy_uj() >= before
    vm.run("kill -KILL $(pidof vmpower-guest)")
    host.hang_up()
    host.greet(new_epoch(), 7, 1)
    wait_until(lambda: vm.status_of(read) == 0, "the tree is back")
    assert vm.energy_uj() >= before
    assert vm.run("grep -c fuse.vmpower /proc/self/mountinfo") == "1"
    vm.run("modprobe loop && test -e /sys/class/block/loop0/size")
