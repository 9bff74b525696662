# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-guest on a virtio-serial port, in a virtual machine; the host is faked."""
import time

import pytest

from bed.fake_host import FakeHost, new_epoch
from bed.process import wait_until

PORT = "/dev/virtio-ports/org.vmpower.0"


@pytest.fixture(scope="module", name="vm")
def vm_fixture(module_bed):
    host = module_bed.host()
    return module_bed.guest(host, "vm")


@pytest.fixture(name="host")
def host_fixture(vm):
    made = FakeHost(vm.host.path(vm.channel()), listen=False)
    yield made
    made.close()


def link(vm):
    status = vm.status()
    return status and status["link"]


def worker(vm):
    return vm.run("pidof vmpower-guest | tr ' ' '\\n' | while read p; do "
                  "grep -q '^Uid:.990' /proc/$p/status && echo $p; done; :")


def wakeups(vm, pid):
    return int(vm.run(f"grep ^voluntary_ctxt /proc/{pid}/status").split()[1])


def test_sleeps_without_a_host(vm):
    wait_until(lambda: link(vm) == "no-host", "the agent has its port", 30)
    pid = worker(vm)
    before = wakeups(vm, pid)
    time.sleep(5)
    assert wakeups(vm, pid) == before


def test_host_comes_and_goes(vm, host):
    epoch = new_epoch()
    for uj in (1000, 2000, 3000):
        begin = time.monotonic()
        host.greet(epoch, uj, 10)
        # The port says so at once when a host connects.
        assert time.monotonic() - begin < 2
        wait_until(lambda: vm.energy_uj() == uj, "all is shown")  # pylint: disable=cell-var-from-loop
        host.hang_up()
        wait_until(lambda: link(vm) == "no-host", "the loss is seen")
    pid = worker(vm)
    before = wakeups(vm, pid)
    time.sleep(3)
    assert wakeups(vm, pid) - before <= 1


def test_sleeps_between_samples(vm, host):
    host.greet(new_epoch(), 1000, 10)
    pid = worker(vm)
    before = wakeups(vm, pid)
    for i in range(5):
        host.deliver(1001 + i, 11)
        time.sleep(1)
    # The sample, and the port's news that the ack is on its way.
    assert wakeups(vm, pid) - before <= 10


def test_backlog_of_a_host_that_left(vm, host):
    """What QEMU kept for a guest that had no agent is not taken for news."""
    vm.run("kill -STOP $(pidof vmpower-guest)")
    host.accept()
    host.send(b'{"type":"sample","seq":99,"t_ns":"1","quality":"measured","uj":["9","9"]}\n' * 50)
    vm.run("kill -CONT $(pidof vmpower-guest)")
    hello = host.receive_type("hello")
    host.welcome(hello, new_epoch())
    host.deliver(5, 5)
    assert vm.energy_uj() < 10000


def test_detached_and_attached(vm, host):
    host.greet(new_epoch(), 5000, 10)
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
    host.greet(new_epoch(), 1, 1, period_ms=200, stale_after_ms=1000)
    read = "cat /sys/class/powercap/intel-rapl:0/energy_uj"
    wait_until(lambda: vm.status_of(read) != 0, "EIO", 5)
    assert "Input/output error" in vm.run(f"{read} 2>&1", check=False)
    host.deliver(50, 1)
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
