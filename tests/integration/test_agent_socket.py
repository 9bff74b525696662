# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The real vmpower-guest over a unix socket, in a mount namespace of its own.

The host is bed/fake_host.py's; there is no virtual machine.
"""
import contextlib
import errno
import os
import pwd
import signal
import socket
import stat
import subprocess
import time

import pytest

from bed.fake_host import DRAM, PACKAGE, RANGE_UJ, FakeHost, new_epoch
from bed.lone_agent import LoneAgent, proc_field
from bed.process import PATIENCE_S, in_one_of, wait_until

# What is shown gets from one sample to the next in two minutes, and the agent does not ask
# again meanwhile.
SLOWLY = {"period_ms": 60000}


@pytest.fixture(name="guest")
def guest_fixture(build, bed):
    made = LoneAgent(build, bed.directory())
    yield made
    made.close()


@pytest.fixture(name="host")
def host_fixture(guest):
    made = FakeHost(guest.port)
    yield made
    made.close()


def test_presents_what_the_host_says(guest, host):
    agent = guest.start()
    host.accept()
    hello = host.receive()
    assert hello["type"] == "hello" and hello["proto"] == 1
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        assert hello["boot_id"] == file.read().strip()
    assert not guest.mounts()
    epoch = new_epoch()
    host.begin(hello, epoch, 5_000_000, 700_000, **SLOWLY)
    assert guest.mounts() == [guest.dir]
    assert guest.energy() == 5_000_000
    assert guest.energy("intel-rapl:0:0") == 700_000
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")):
        with open(os.path.join(guest.zone(zone), "name"), encoding="ascii") as file:
            assert file.read() == name + "\n"
    host.deliver(6_000_000, 900_000)
    status = wait_until(lambda: guest.status()["seq"] == 2 and guest.status(), "seq 2")
    assert status["link"] == "streaming" and status["epoch"] == epoch
    assert status["quality"] == "measured" and status["mounted"] and not status["stale"]
    assert [(zone["name"], zone["measured_uj"], zone["offset_uj"]) for zone in status["zones"]] \
        == [("package-0", "6000000", "0"), ("package-0/dram", "900000", "0")]
    assert 5_000_000 <= guest.energy() < 6_000_000
    assert agent.stop() == 0
    assert not guest.mounts()
    assert sorted(os.listdir(guest.run)) == ["lock", "state"]


def test_smooth_and_never_more_than_measured(guest, host):
    guest.start()
    host.greet(new_epoch(), 1_000_000, 0)
    # Where the machine stands still meanwhile there is not much to see: so it is done again.
    for top_uj in (3_000_000, 5_000_000, 7_000_000, 9_000_000):
        host.deliver(top_uj, 1_000_000)
        seen = []
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            seen.append(guest.energy())
            time.sleep(0.05)
        assert seen == sorted(seen) and seen[-1] <= top_uj
        moving = [value for value in seen if value < top_uj]
        assert len(set(moving)) == len(moving)
        if len(moving) > 10:
            break
    else:
        pytest.fail(f"it did not move from reading to reading: {seen}")


def test_first_value_is_above_zero(guest, host):
    guest.start()
    host.greet(new_epoch(), 0, 0)
    assert guest.energy() == 1
    assert guest.status()["zones"][0]["offset_uj"] == "1"


def test_worker_has_no_privileges(guest, host):
    agent = guest.start()
    host.greet(new_epoch(), 10, 10)
    worker = guest.worker(agent)
    try:
        user = pwd.getpwnam("vmpower")
        ids = user.pw_uid, user.pw_gid
    except KeyError:
        ids = 61047, 61047
    assert proc_field(worker, "Uid") == [str(ids[0])] * 4
    assert proc_field(worker, "Gid") == [str(ids[1])] * 4
    assert os.stat(os.path.join(guest.run, "state")).st_uid == ids[0]
    assert proc_field(worker, "Groups") == []
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(proc_field(worker, kind)[0], 16) == 0
    assert proc_field(worker, "NoNewPrivs") == ["1"]
    assert stat.S_IMODE(os.stat(guest.run).st_mode) == 0o700
    for name in ("state", "status.json"):
        assert stat.S_IMODE(os.stat(os.path.join(guest.run, name)).st_mode) == 0o600


def test_refuses_a_directory_of_others(guest):
    os.mkdir(guest.run)
    with open(os.path.join(guest.run, "other"), "wb"):
        pass
    assert guest.start().popen.wait(PATIENCE_S) == 1
    assert "is not the agent's own directory" in guest.log()
    assert os.stat(guest.run).st_uid == 0


def test_mode_and_group(guest, host):
    guest.start("--mode", "0440", "--group", "daemon")
    host.greet(new_epoch(), 10, 10)
    st = os.stat(os.path.join(guest.zone("intel-rapl:0"), "energy_uj"))
    assert stat.S_IMODE(st.st_mode) == 0o440
    assert (st.st_uid, st.st_gid) == (0, 1)


def test_stall_reads_eio_until_the_host_is_back(guest, host):
    guest.start()
    epoch = new_epoch()
    host.greet(epoch, 1000, 10)
    assert guest.energy() == 1000
    host.hang_up()
    began = time.monotonic()
    host.greet(epoch, 1000, 10, period_ms=200, stale_after_ms=1000)
    wait_until(lambda: guest.energy_errno() == errno.EIO, "EIO")
    # Not after what other hosts take for it: 10 s, and 3 s to ask again.
    assert time.monotonic() - began < 9
    wait_until(lambda: guest.status()["stale"], "the status says so")
    assert guest.log().count("no sample for too long") == 1
    with open(os.path.join(guest.zone("intel-rapl:0"), "name"), encoding="ascii") as file:
        assert file.read() == "package-0\n"

    def read():
        # A second later it is stale again.
        host.deliver(50_000_000, 20)
        with contextlib.suppress(OSError):
            return guest.energy()
        return None
    assert wait_until(read, "it is back") == 50_000_000
    wait_until(lambda: host.deliver(50_000_000, 20) or not guest.status()["stale"],
               "the status says so")


def test_says_hello_again_when_nothing_comes(guest, host):
    def greeted():
        begin = time.monotonic()
        if host.connection:
            host.hang_up()
        else:
            guest.start()
        host.accept()
        first = host.receive()
        between = time.monotonic()
        second = host.receive()
        assert time.monotonic() - begin > 0.8
        # Those after it are three seconds apart.
        return (first, second) if time.monotonic() - between < 2.5 else None
    first, second = wait_until(greeted, "it says hello soon again")
    assert first["type"] == second["type"] == "hello"
    assert first["nonce"] != second["nonce"]
    host.welcome(first, new_epoch())
    host.sample(1, 1)
    epoch = new_epoch()
    host.begin(second, epoch, 77, 77)
    assert guest.status()["epoch"] == epoch and guest.energy() == 77


def test_host_restarts_in_the_same_epoch(guest, host):
    guest.start()
    epoch = new_epoch()
    host.greet(epoch, 1000, 10)
    host.hang_up()
    wait_until(lambda: guest.status()["link"] == "no-port", "the loss is seen")
    assert guest.energy() == 1000
    host.greet(epoch, 1_500, 20)
    zone = guest.status()["zones"][0]
    assert (zone["measured_uj"], zone["offset_uj"]) == ("1500", "0")
    wait_until(lambda: guest.energy() == 1_500, "all is shown")


def test_socket_comes_late_and_goes(guest):
    agent = guest.start()
    agent.wait_for_log("waiting for it")
    for uj in (1000, 2000):
        host = FakeHost(guest.port)
        host.greet("c0a80000-0000-4000-8000-000000000001", uj, 10)
        host.close()
    assert guest.energy() >= 1000


def test_new_epoch_adds_nothing(guest, host):
    guest.start()
    host.greet(new_epoch(), 1_000_000, 500)
    host.hang_up()
    host.greet(new_epoch(), 42, 9_000_000)
    zones = guest.status()["zones"]
    assert [zone["measured_uj"] for zone in zones] == ["1000000", "500"]
    assert [zone["offset_uj"] for zone in zones] == ["999958", "-8999500"]
    assert guest.energy() == 1_000_000
    host.deliver(50, 9_000_001)
    assert [zone["measured_uj"] for zone in guest.status()["zones"]] == ["1000008", "501"]


def test_new_epoch_from_its_start(guest, host):
    """All that the guest's new QEMU used is the guest's; once, whoever says it again."""
    agent, epoch = guest.start(), new_epoch()
    host.greet(new_epoch(), 1_000_000, 500)
    host.hang_up()
    host.greet(epoch, 42, 9, from_start=True)
    assert guest.energy() == 1_000_042 and guest.energy("intel-rapl:0:0") == 509
    agent.stop()
    host.hang_up()
    guest.start()
    host.greet(epoch, 50, 10, from_start=True)
    assert [zone["measured_uj"] for zone in guest.status()["zones"]] == ["1000050", "510"]


def test_asks_when_it_was_paused(guest, host):
    """What comes then can be of another epoch: its memory may be that of a snapshot."""
    guest.start()
    hour_ns = 3600 * 10**9
    host.greet(new_epoch(), 1000, 10, **SLOWLY)
    host.deliver(1_000_000, 500)
    host.sample(9_000_000, 900, ahead_ns=hour_ns)
    hello = host.receive_type("hello", "ack")
    assert hello["type"] == "hello"
    host.sample(9_000_001, 901, ahead_ns=hour_ns)
    host.welcome(hello, new_epoch(), from_start=True, **SLOWLY)
    host.deliver(7, 1, ahead_ns=hour_ns)
    assert guest.energy() == 1_000_007 and guest.energy("intel-rapl:0:0") == 501
    # That was one question: the host's clock may be what it is.
    host.sample(8, 2, ahead_ns=hour_ns)
    assert host.receive_type("hello", "ack")["type"] == "ack"


def test_zones_are_those_of_the_first_welcome(guest, host):
    guest.start()
    epoch = new_epoch()
    host.greet(epoch, 1000, 2000)
    host.hang_up()
    package_1 = {"name": "package-1", "parent": None}
    host.greet(epoch, 1001, 5, zones=(PACKAGE, package_1))
    assert guest.energy() >= 1000
    assert guest.energy_errno("intel-rapl:0:0") == errno.EIO
    assert not os.path.exists(guest.zone("intel-rapl:1"))
    assert guest.status()["zones"][1]["shown_uj"] is None
    host.hang_up()
    narrow = dict(PACKAGE, range_uj=1 << 20)
    host.greet(epoch, 1002, 7, 2500, zones=(narrow, package_1, DRAM))
    assert guest.energy("intel-rapl:0:0") == 2500
    with open(os.path.join(guest.zone("intel-rapl:0"), "max_energy_range_uj"),
              encoding="ascii") as file:
        assert int(file.read()) == RANGE_UJ


def test_worker_killed(guest, host):
    agent = guest.start()
    epoch = new_epoch()
    host.greet(epoch, 1000, 10)
    os.kill(guest.worker(agent), signal.SIGKILL)
    assert agent.popen.wait(PATIENCE_S) == 1
    assert not guest.mounts()
    assert "killed by signal 9" in guest.log()
    assert not os.path.exists(os.path.join(guest.run, "status.json"))
    guest.start()
    host.greet(epoch, 1000, 10)
    assert guest.energy() == 1000


def test_keeper_killed(guest, host):
    agent = guest.start()
    host.greet(new_epoch(), 5000, 10)
    worker = guest.worker(agent)
    agent.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{worker}"), "the worker is gone")
    assert guest.mounts() == [guest.dir]
    assert guest.energy_errno() == errno.ENOTCONN
    guest.start()
    host.greet(new_epoch(), 7, 10)
    assert guest.mounts() == [guest.dir]
    assert guest.energy() == 5000
    assert "left by an earlier agent" in guest.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def test_signals_that_end_it(guest, host, number):
    agent = guest.start()
    host.greet(new_epoch(), 1000, 10)
    os.kill(agent.pid, number)
    assert agent.popen.wait(PATIENCE_S) == 0
    assert not guest.mounts()


def test_nohup(guest, host):
    guest.agent_command.insert(0, "nohup")
    agent = guest.start()
    host.greet(new_epoch(), 1000, 10)
    os.kill(agent.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert agent.alive() and guest.energy() == 1000


def test_state_is_lost_or_damaged(guest, host):
    agent = guest.start()
    epoch = new_epoch()
    host.greet(epoch, 5000, 10)
    assert agent.stop() == 0
    os.unlink(os.path.join(guest.run, "state"))
    agent = guest.start()
    host.greet(epoch, 6000, 10)
    assert guest.energy() == 6000
    assert agent.stop() == 0
    with open(os.path.join(guest.run, "state"), "r+b") as file:
        file.write(b"x" * 8192)
    guest.start()
    host.greet(epoch, 7000, 10)
    assert guest.energy() == 7000
    assert os.path.exists(os.path.join(guest.run, "state.bad"))
    assert "damaged" in guest.log()


def test_garbage_of_the_host(guest, host):
    agent = guest.start()
    host.accept()
    host.send(b"left over of an old session\n{\n")
    hello, epoch = host.receive(), new_epoch()
    host.begin(hello, epoch, 1000, 10, **SLOWLY)
    rss_kib = int(proc_field(guest.worker(agent), "VmRSS")[0])
    for garbage in (os.urandom(100_000) + b"\n", b"x" * 3_000_000 + b"\n",
                    b"[" * 16000 + b"\n", b"{" * 3 + b"\n", b"\0\n" * 1000, b'{"type":7}\n',
                    b'{"type":"welcome"}\n', b'{"type":"sample","seq":2}\n',
                    b'{"type":"nothing known"}\n'):
        host.send(garbage)
    host.welcome({"nonce": "not asked for"}, new_epoch(), zones=(PACKAGE,))
    host.sample(999, 10, seq=2)
    host.sample(2000, 10, seq=1)
    host.sample(2000, seq=3)
    host.deliver(3000, 11, seq=4)
    assert guest.status()["zones"][0]["measured_uj"] == "3000" and guest.energy() <= 3000
    host.hang_up()
    host.greet(epoch, 3000, 11)
    wait_until(lambda: guest.energy() == 3000, "all is shown")
    assert guest.energy("intel-rapl:0:0") == 11
    assert guest.log().count("ignoring a malformed line") == 1
    assert guest.log().count("a counter decreased") == 1
    assert agent.alive()
    assert int(proc_field(guest.worker(agent), "VmRSS")[0]) - rss_kib < 256


def test_two_agents_do_not_fight(guest, host):
    guest.start()
    host.greet(new_epoch(), 1000, 10)
    assert guest.start().popen.wait(PATIENCE_S) == 1
    assert "another vmpower-guest is running" in guest.log()
    assert guest.start(run=str(guest.base / "run2")).popen.wait(PATIENCE_S) == 1
    assert "is served by another vmpower-guest" in guest.log()
    assert guest.energy() == 1000
    assert guest.mounts() == [guest.dir]


def test_unmounted_by_somebody(guest, host):
    agent = guest.start()
    host.greet(new_epoch(), 1000, 10)
    guest.run_command("umount", "-l", guest.dir)
    assert agent.popen.wait(PATIENCE_S) == 1
    assert "unmounted by somebody else" in guest.log()


def test_covered_by_somebody(guest, host):
    """What another mounted over the tree is not unmounted in its place."""
    agent = guest.start()
    host.greet(new_epoch(), 1000, 10)
    guest.run_command("sh", "-c", f"mount -t tmpfs none {guest.dir}; touch {guest.dir}/theirs")
    assert agent.stop() == 0
    assert f"cannot unmount {guest.dir}: something else is mounted over it" in guest.log()
    assert os.path.exists(guest.path(guest.dir, "theirs"))
    assert guest.mounts() == [guest.dir]
    assert guest.start().popen.wait(PATIENCE_S) == 1
    assert os.path.exists(guest.path(guest.dir, "theirs"))
    guest.run_command("umount", guest.dir)
    guest.start()
    host.greet(new_epoch(), 2000, 10)
    assert guest.mounts() == [guest.dir] and guest.energy() >= 1000


def test_auto_mounts_in_sysfs_only(guest, host):
    guest.run_command("sh", "-c", "mount -t tmpfs none /sys/class; mkdir /sys/class/powercap")
    agent = guest.start(mount="auto")
    host.greet(new_epoch(), 1000, 10)
    assert guest.mounts() == ["/sys/class/powercap"]
    assert guest.energy(root="/sys/class/powercap") == 1000
    assert stat.S_ISDIR(os.lstat(guest.path("/sys/class/powercap/intel-rapl")).st_mode)
    assert stat.S_ISLNK(os.lstat(guest.path("/sys/class/powercap/intel-rapl:0")).st_mode)
    assert agent.stop() == 0
    guest.run_command("sh", "-c",
                      "mount -t tmpfs none /sys/devices/virtual; "
                      "mkdir /sys/devices/virtual/powercap")
    agent = guest.start(mount="auto")
    host.greet(new_epoch(), 1000, 10)
    assert sorted(guest.mounts()) == ["/sys/class/powercap", "/sys/devices/virtual/powercap"]
    assert guest.energy("intel-rapl/intel-rapl:0", root="/sys/devices/virtual/powercap") == 1000
    agent.kill()
    agent = guest.start(mount="auto")
    host.greet(new_epoch(), 2000, 10)
    assert len(guest.mounts()) == 2
    assert agent.stop() == 0
    assert not guest.mounts()


def test_auto_without_powercap(guest):
    guest.run_command("mount", "-t", "tmpfs", "none", "/sys/class")
    assert guest.start(mount="auto").popen.wait(PATIENCE_S) == 1
    assert "has no /sys/class/powercap" in guest.log() and "--mount DIR" in guest.log()


def test_ready(guest, host):
    notify = str(guest.base / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(notify)
        receiver.settimeout(PATIENCE_S)

        def ready_with_the_tree():
            begin = time.monotonic()
            agent = guest.start(env={"NOTIFY_SOCKET": notify})
            host.greet(new_epoch(), 1000, 10)
            assert receiver.recv(100) == b"READY=1"
            took_s = time.monotonic() - begin
            assert agent.stop() == 0
            host.hang_up()
            # Not as late as without one.
            assert took_s < 4
        in_one_of(3, ready_with_the_tree)
        begin = time.monotonic()
        guest.start(env={"NOTIFY_SOCKET": notify})
        assert receiver.recv(100) == b"READY=1"
        assert time.monotonic() - begin > 4


@pytest.mark.parametrize("flags, config, text", [
    (["--mount", "Full"], "", "--mount Full: expected auto, full, or the absolute path"),
    (["--mount", "tree"], "", "--mount tree: expected auto"),
    (["--mode", "0640"], "", "--mode 0640: expected an octal mode"),
    (["--group", "no such group"], "", "expected the name of a group"),
    (["operand"], "", "vmpower-guest"),
    ([], "mode = 0400\nmountt = auto\n", "conf:2: unknown key 'mountt'"),
    ([], "[domain \"x\"]\nport = /x\n", "conf:2: unknown key"),
    ([], "\n\nmode = 9\n", "conf:3: mode = 9: expected an octal mode"),
])
def test_usage_errors(build, tmp_path, flags, config, text):
    path = tmp_path / "conf"
    path.write_text(config)
    run = subprocess.run([build / "vmpower-guest", "--config", str(path), *flags], capture_output=True,
                         text=True, check=False, timeout=60)
    assert run.returncode == 2
    assert text in run.stderr


def test_help_and_version(build):
    agent = build / "vmpower-guest"
    run = subprocess.run([agent, "--help"], capture_output=True, text=True, check=True)
    for flag in ("--port", "--mount", "--mode", "--group", "--run-dir", "--config",
                 "--log-level"):
        assert flag in run.stdout
    assert "auto|full|DIR" in run.stdout
    run = subprocess.run([agent, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("vmpower-guest ")


def wakeups(pid):
    return int(proc_field(pid, "voluntary_ctxt_switches")[0])


def test_sleeps_when_there_is_nothing_to_do(guest, host):
    agent = guest.start()
    host.greet(new_epoch(), 1000, 10, period_ms=60000, stale_after_ms=600000)
    worker = guest.worker(agent)

    def sleeps():
        # What it was about to do is done.
        time.sleep(0.3)
        before = wakeups(worker), wakeups(agent.pid)
        time.sleep(3)
        assert wakeups(worker) - before[0] <= 1
        # The end of the 5 s to be ready by was cut short by the mount.
        assert wakeups(agent.pid) - before[1] == 0
    in_one_of(3, sleeps)
