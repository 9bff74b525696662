# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower measure: windows are differences of the ledger, whatever happens in them."""
import collections
import contextlib
import csv
import http.client
import io
import json
import os
import pathlib
import pty
import signal
import statistics
import subprocess
import sys
import threading
import time
import uuid

import pytest

from bed.follower import Follower
from bed.hostd import UnixConnection
from bed.process import PATIENCE_S, Process, in_one_of, wait_until
from bed.web import Web

PORT = 9846
PARTS = ("domain", "other-domains", "host", "unattributed")

DOMAIN = """<domain type='{type}'><name>brief</name><uuid>{uuid}</uuid>
<memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"""


class Scene:
    """A host with two packages, a guest that is busy, and a daemon that ticks once a second."""

    def __init__(self, bed, domain_type):
        self.build = bed.build
        self.type = domain_type
        self.host = bed.host()
        sim = bed.simrapl(self.host, idle_w=10, busy_w=40, dram_idle_w=2, dram_busy_w=3,
                          packages=",".join(str(i % 2) for i in range(os.cpu_count())))
        self.guest = bed.guest(self.host, "one")
        self.guest.load(0.5)
        self.web = Web(self.host, PORT)
        self.trace = bed.directory() / "vm.trace"
        self.hostd = bed.hostd(self.host, sim, "--record", self.trace)
        # Often enough to see a tick that another one follows soon.
        self.follow = bed.owned(Follower(self.hostd, every=0.01))
        self.follow.wait(lambda a: self.guest.uuid in a.domains, "it is measured")
        self.directory = bed.directory()
        self.measured = []  # while the first daemon ran

    def create(self):
        """Another domain, without an operating system: its UUID."""
        domain = str(uuid.uuid4())
        path = self.directory / "brief.xml"
        path.write_text(DOMAIN.format(type=self.type, uuid=domain), encoding="utf-8")
        self.host.virsh("create", path)
        self.follow.wait(lambda a: domain in a.domains, "it is measured")
        return domain

    def command(self, *arguments):
        return [self.build / "vmpower", "measure", "--run-dir", self.hostd.run_dir,
                *map(str, arguments)]

    def measure(self, *arguments, status=0):
        r = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False,
                           stdin=subprocess.DEVNULL, timeout=180)
        assert r.returncode == status, f"{arguments}: {r.returncode}\n{r.stdout}{r.stderr}"
        return r

    def runs(self, *arguments):
        """The records of the runs, each checked."""
        document = json.loads(self.measure("--json", *arguments).stdout.splitlines()[-1])
        for run in document["runs"]:
            check_sums(run)
        return document["runs"], document.get("mean")

    def start(self, *arguments):
        """In the background; its log has what it prints. It is about to begin or has begun."""
        process = Process(self.command(*arguments), self.directory / f"{uuid.uuid4()}.log")
        fds = pathlib.Path(f"/proc/{process.pid}/fd")

        def has_signals():
            with contextlib.suppress(OSError):
                if any("signalfd" in os.readlink(fd) for fd in fds.iterdir()):
                    return True
            return not process.alive()
        wait_until(has_signals, "its signals wait")
        return process

    def start_script(self, script, *arguments):
        """The same with a command, which has begun."""
        marker = self.directory / f"{uuid.uuid4()}"
        process = self.start(*arguments, "--", "sh", "-c",
                             script.replace("BEGUN", f"touch {marker}"))
        wait_until(lambda: marker.exists() or not process.alive(), "the command began")
        return process


@pytest.fixture(scope="module", name="scene")
def scene_fixture(request, module_bed):
    return Scene(module_bed, request.config.getoption("--domain-type"))


def rows(run, kind="domain"):
    return [row for row in run["rows"] if row["row"] == kind]


def check_sums(run):
    """All adds up, in each zone and in all of them."""
    total = rows(run, "total")[0]
    for zone, energy in total["zones"].items():
        parts = [row["zones"][zone] for row in run["rows"] if row["row"] in PARTS]
        assert sum(int(p["energy_uj"]) for p in parts) == int(energy["energy_uj"])
    for row in run["rows"]:
        assert int(row["energy_uj"]) == sum(int(z["energy_uj"]) for z in row["zones"].values())
        for part in (row, *row["zones"].values()):
            if row["row"] != "unattributed":
                uj = int(part["dynamic_uj"]) + int(part["idle_uj"])
                unattributed = int(part["energy_uj"]) - uj
                assert unattributed == 0 or row["row"] == "total"
            seconds = (int(run["end_ns"]) - int(run["begin_ns"])) / 1e9
            assert part["average_w"] == pytest.approx(int(part["energy_uj"]) / 1e6 / seconds,
                                                      abs=1e-6)


def test_edges(scene):
    """The ticks are where the command is; what is shown of several is their mean."""
    in_one_of(3, lambda: check_edges(scene))


def check_edges(scene):
    runs, mean = scene.runs("--repeat", 6, "--name", "a test", "one", "--", "sleep", "0.3")
    assert len(runs) == 6 and [run["repeat"] for run in runs] == [1, 2, 3, 4, 5, 6]
    scene.measured += runs
    before = [int(r["command_begin_ns"]) - int(r["begin_ns"]) for r in runs]
    after = [int(r["end_ns"]) - int(r["command_end_ns"]) for r in runs]
    print("edges, ms:", [n / 1e6 for n in before], [n / 1e6 for n in after])
    # Ticks that nobody asks for are half a second away, on the average.
    assert min(before) >= 0 and min(after) >= 0
    assert min(before) < 50e6 and min(after) < 50e6
    assert statistics.median(before) < 250e6 and statistics.median(after) < 250e6
    for run in runs:
        one = rows(run)[0]
        assert (run["name"], run["command"], run["exit_status"]) == ("a test", "sleep", 0)
        assert (one["uuid"], one["domain"]) == (scene.guest.uuid, "one")
        assert int(one["dynamic_uj"]) > 0 and one["peak_w"] >= 0.99 * one["average_w"]
    values = [int(rows(run)[0]["energy_uj"]) / 1e6 for run in runs]
    energy = next(row for row in mean["rows"] if row["row"] == "domain")["energy_j"]
    assert mean["n"] == 6 and energy["mean"] == pytest.approx(statistics.mean(values), abs=1e-5)
    assert energy["confidence_95"] == pytest.approx(
        2.570581835636314 * statistics.stdev(values) / 6 ** 0.5, abs=1e-5)


def test_exit_status(scene):
    """It is the command's, and its output is its own."""
    r = scene.measure("one", "--", "sh", "-c", "echo out; exit 7", status=7)
    assert r.stdout == "out\n" and "exit status 7" in r.stderr and "(total)" in r.stderr
    r = scene.measure("one", "--", "/nonexistent", status=127)
    assert "cannot run /nonexistent" in r.stderr and "(total)" not in r.stderr
    scene.measure("one", "--", "/", status=126)
    marker = scene.directory / "ran"
    r = scene.measure("nobody", "--", "touch", marker, status=125)
    assert "no domain 'nobody'" in r.stderr and not marker.exists()
    scene.measure("nobody", "--for", "1s", status=1)
    scene.measure("--for", "1s", status=2)
    scene.measure("one", status=2)
    scene.measure("one", "--for", "1s", "--", "true", status=2)
    # A failure ends the series.
    r = scene.measure("--repeat", 5, "one", "--", "false", status=1)
    assert "run 2" not in r.stderr
    # Who reads the JSON finds it in the last line.
    r = scene.measure("--json", "one", "--", "echo", "out")
    assert r.stdout.startswith("out\n") and json.loads(r.stdout.splitlines()[1])["runs"]


def test_records_add_up(scene):
    """In both formats, from several at once; what is not whole is not touched."""
    paths = [scene.directory / "recap.csv", scene.directory / "recap"]
    some = [scene.start("--repeat", 3, "--append", path, "--name", f'n"{i},', "one", "--", "true")
            for path in paths for i in range(3)]
    for process in some:
        wait_until(lambda p=process: not p.alive(), "it ends")
        assert process.popen.returncode == 0, process.log.read_text()
        process.close()
    table = list(csv.DictReader(io.StringIO(paths[0].read_bytes().decode(), newline="")))
    records = [json.loads(line) for line in paths[1].read_text().splitlines()]
    assert paths[0].read_text().count("vmpower_measure_version") == 1
    for found in ({(r["name"], int(r["repeat"])) for r in table},
                  {(r["name"], r["repeat"]) for r in records}):
        assert found == {(f'n"{i},', repeat) for i in range(3) for repeat in (1, 2, 3)}
    assert len(records) == 9
    for record in records:
        check_sums(record)
    windows = {}
    for row in table:
        key = row["name"], row["repeat"], row["zone"]
        assert row["quality"] == "measured" and row["vmpower_measure_version"] == "1"
        windows.setdefault(key, {}).setdefault(row["row"], []).append(int(row["energy_uj"]))
    assert len(windows) == 9 * len(records[0]["rows"][0]["zones"])
    for window in windows.values():
        assert sum(sum(window[part]) for part in PARTS) == window["total"][0]
    before = paths[0].read_bytes()
    r = scene.measure("--append", paths[0], "--format", "json", "one", "--", "touch",
                      scene.directory / "ran2", status=125)
    assert "version" in r.stderr and paths[0].read_bytes() == before
    paths[0].write_bytes(before[:-3])
    r = scene.measure("--append", paths[0], "one", "--for", "1s", status=1)
    assert "cut off" in r.stderr and paths[0].read_bytes() == before[:-3]
    assert not (scene.directory / "ran2").exists()


def last_json(log):
    return json.loads(log.read_text().splitlines()[-1])["runs"][-1]


def is_interrupted(run):
    """A machine that is busy may not have the end's tick in the time there is after a signal."""
    return run["marks"] in (["interrupted"], ["interrupted", "no-end-tick"])


def test_interrupted(scene):
    """What was measured is shown and kept; the command has the signal."""
    path = scene.directory / "interrupted"
    marker = scene.directory / "trapped"
    trap = f"trap 'touch {marker}; exit 9' INT; BEGUN; while :; do sleep 0.05; done"
    command = scene.start_script(trap, "--json", "--append", path, "--repeat", 3, "one")
    alone = scene.start("--json", "--append", path, "one", "--for", "300s")
    # Whoever asked before has begun.
    scene.follow.next(3)
    for process, status in (command, 9), (alone, 128 + signal.SIGINT):
        process.signal(signal.SIGINT)
        wait_until(lambda p=process: not p.alive(), "it ends")
        assert process.popen.returncode == status, process.log.read_text()
        run = last_json(process.log)
        check_sums(run)
        assert is_interrupted(run) and run["repeat"] == 1
        assert int(rows(run)[0]["energy_uj"]) > 0
        process.close()
    assert marker.exists()
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(kept) == 2 and all(map(is_interrupted, kept))


def ask(scene, method="POST"):
    connection = UnixConnection(scene.hostd.socket)
    with contextlib.closing(connection):
        connection.request(method, "/api/v1/tick")
        response = connection.getresponse()
        return response.status, json.loads(response.read())


class Hammer:
    """Asks for ticks all the time, from several threads, until hostd ends."""

    def __init__(self, scene):
        self.n = 0
        self._scene = scene
        self._wrong = None
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        last = 0
        try:
            while True:
                status, document = ask(self._scene)
                if status == 503:
                    return
                assert status == 200 and int(document["tick"]) > last, document
                last = int(document["tick"])
                self.n += 1
        except (OSError, http.client.HTTPException):
            pass
        except AssertionError as e:
            self._wrong = e

    def join(self):
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        assert not self._wrong


def replayed(scene):
    """{t_ns: what all ticks that were recorded add up to by then, by name and zone}"""
    r = subprocess.run([scene.build / "vmpower", "replay", scene.trace], capture_output=True,
                       text=True, check=True, timeout=180)
    begin_ns = int(json.loads(scene.trace.read_text().splitlines()[0])["boottime_ns"])
    sums = collections.Counter()
    found = {begin_ns: sums.copy()}
    for line in map(json.loads, r.stdout.splitlines()):
        for zone, tick in line["zones"].items():
            sums["total", zone, "energy_uj"] += int(tick["total_uj"])
            sums["unattributed", zone, "energy_uj"] += int(tick["unattributed_uj"])
            for who, share in (("host", tick["host"]),
                               ("domain", tick["domains"].get(scene.guest.uuid, {}))):
                for kind, uj in share.items():
                    sums[who, zone, kind] += int(uj)
        found[begin_ns + int(line["t_ns"])] = sums.copy()
    return found


def guest_uj(account):
    return sum(uj for (who, _, _), uj in account.items() if who == "domain")


def check_window(account, run):
    """It is what the ticks in it add up to, in each zone and kind."""
    begin, end = account[int(run["begin_ns"])], account[int(run["end_ns"])]
    assert run["quality"] == "measured" and run["marks"] == []
    both = ("dynamic_uj", "idle_uj")
    for who, kinds in (("domain", both), ("host", both), ("unattributed", ("energy_uj",)),
                       ("total", ("energy_uj",))):
        row, = rows(run, who)
        for zone, energy in row["zones"].items():
            for kind in kinds:
                assert int(energy[kind]) == end[who, zone, kind] - begin[who, zone, kind]


def test_ticks_that_are_asked_for(scene):
    """Who may, and how often; guests and those on TCP see the timer's ticks as ever. Windows
    are what their ticks add up to, to the microjoule."""
    assert ask(scene, "GET")[0] == 405
    with contextlib.closing(scene.web.connection()) as tcp:
        tcp.request("POST", "/api/v1/tick")
        assert tcp.getresponse().status == 405
    began = scene.follow.next()
    due_ns = int(scene.hostd.get("/api/v1/host")["next_tick_ns"]) - 10**6
    since_1970_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    hammer = Hammer(scene)
    times, acked = set(), set()
    began_s = time.monotonic()
    while time.monotonic() < began_s + 5 or \
            min(len(times), len(acked)) < 3 and time.monotonic() < began_s + PATIENCE_S:
        times.add(scene.web.metrics().value("vmpower_tick_timestamp_seconds"))
        domain = next(d for d in scene.hostd.get("/api/v1/domains")["domains"]
                      if d["uuid"] == scene.guest.uuid)
        link = domain["link"]
        if int(link["acked_seq"]) > 0:
            acked.add((int(link["acked_seq"]), sum(int(z["acked_uj"]) for z in link["zones"])))
        time.sleep(0.02)
    ended = scene.follow.last()
    scene.measured += scene.runs("--repeat", 3, "one", "--", "true")[0]
    # It ends in good order, whoever waits for a tick.
    assert scene.hostd.stop() == 0
    hammer.join()
    account = replayed(scene)
    scene.hostd.start()
    scene.follow.wait(lambda a: scene.guest.uuid in a.domains, "it is measured again",
                      after_ns=ended.t_ns)

    seconds = (ended.t_ns - began.t_ns) / 1e9
    ticks = [t_ns for t_ns in account if began.t_ns < t_ns <= ended.t_ns]
    print(f"{hammer.n} answers, {len(ticks)} ticks in {seconds:.1f} s, {len(acked)} samples")
    # Many, and no more than may be.
    assert len(ticks) == ended.number - began.number
    assert 3 * seconds < len(ticks) < seconds / 0.010
    # Each of them is in the ledger as it was shared out.
    base = guest_uj(account[began.t_ns]) - began.domain_uj(scene.guest.uuid)
    for a in scene.follow.accounts:
        if began.t_ns < a.t_ns <= ended.t_ns:
            assert guest_uj(account[a.t_ns]) == base + a.domain_uj(scene.guest.uuid)
    for run in scene.measured:
        check_window(account, run)
    # One a second, to guests and on TCP.
    assert 3 <= len(times) <= seconds + 2
    due = [(time_s * 1e9 - since_1970_ns - due_ns) // 10**9 for time_s in times]
    assert len(set(due)) == len(due), sorted(times)
    assert 3 <= len(acked) <= seconds + 2
    # Which are the timer's ticks: at most a little after it is due, each second; or the first
    # ones after it, where the machine stood still.
    at = collections.defaultdict(list)
    for t_ns, sums in account.items():
        at[guest_uj(sums)].append(t_ns)
    # Of those between which the guest used nothing, it may be any.
    late_ns, found = zip(*(min(((t_ns - due_ns) % 10**9, t_ns) for t_ns in at[uj + base])
                           for _, uj in acked))
    between = [sum(t_ns - late <= other < t_ns for other in account)
               for t_ns, late in zip(found, late_ns)]
    print("late, ms, and ticks meanwhile:", [(n / 1e6, b) for n, b in zip(late_ns, between)])
    assert all(late < 0.4e9 or n <= 2 for late, n in zip(late_ns, between))
    assert statistics.median(late_ns) < 0.4e9


# Exits with how many SIGINT it had, also when two come at once.
COUNT = """
import os, signal, sys, time
from_handler, to = os.pipe()
os.set_blocking(to, False)
signal.signal(signal.SIGINT, lambda *_: None)
signal.set_wakeup_fd(to)
open(sys.argv[1], "w").close()
n = len(os.read(from_handler, 9))
time.sleep(0.3)
os.write(to, b"-")
sys.exit(n + len(os.read(from_handler, 9)) - 1)
"""


def in_terminal(command, marker=None):
    """Exit status and output on a terminal; Ctrl-C is typed once the marker is there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], [str(word) for word in command])
    if marker:
        wait_until(marker.exists, "the command began")
        os.write(terminal, b"\x03")
    shown = b""
    with contextlib.suppress(OSError):  # its end
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_terminal(scene):
    """A bar, and nothing of it at the end; Ctrl-C is for the command, and once."""
    def check_bar():
        # Long enough for the bar to move.
        status, shown = in_terminal(scene.command("one", "--for", "3s"))
        assert status == 0 and shown.count(b"(total)") == 1, shown
        assert b"[####" in shown and b"s left  run 1 of 1" in shown
    in_one_of(3, check_bar)
    marker = scene.directory / "in-terminal"
    status, shown = in_terminal(
        scene.command("one", "--", sys.executable, "-c", COUNT, marker), marker)
    assert status == 1 and shown.count(b"(total)") == 1, shown
    assert b"interrupted" in shown and b"s left" not in shown


def test_domain_ends_and_hostd_is_killed(scene):
    """Each shows in the record, and all still adds up."""
    brief = scene.create()
    stop = scene.directory / "stop"
    script = f"BEGUN; while [ ! -e {scene.directory}/stop ]; do sleep 0.05; done"
    both = scene.start_script(script, "--json", "one", brief)
    every = scene.start_script(script, "--json", "--all")
    scene.follow.next()
    scene.host.virsh("destroy", "brief")
    scene.follow.wait(lambda a: brief not in a.domains, "it is gone",
                      after_ns=scene.follow.last().t_ns)
    again = scene.create()
    scene.follow.next(2)
    stop.touch()
    for process in both, every:
        wait_until(lambda p=process: not p.alive(), "it ends")
        check_sums(last_json(process.log))
    marks = {row["uuid"]: row["marks"] for row in rows(last_json(both.log))}
    assert marks == {scene.guest.uuid: [], brief: ["ended"]}
    marks = {row["uuid"]: row["marks"] for row in rows(last_json(every.log))}
    assert marks == {scene.guest.uuid: [], brief: ["ended"], again: ["started"]}
    scene.host.virsh("destroy", "brief")

    stop.unlink()
    killed = scene.start_script(script, "--json", "one")
    gone = scene.start_script(script.replace("stop", "off"), "--json", "one")
    seen = scene.follow.next()
    before = scene.follow.next(3)
    scene.hostd.kill()
    (scene.directory / "off").touch()
    wait_until(lambda: not gone.alive(), "it ends without a daemon")
    assert gone.popen.returncode == 0 and "hostd.sock" in gone.log.read_text()
    run = last_json(gone.log)
    check_sums(run)
    # It looks at least every second.
    assert run["marks"] == ["no-end-tick"] and int(run["end_ns"]) >= seen.t_ns
    scene.hostd.start()
    after = scene.follow.wait(lambda a: scene.guest.uuid in a.domains, "it is measured",
                              after_ns=before.t_ns)
    stop.touch()
    wait_until(lambda: not killed.alive(), "it ends")
    run = last_json(killed.log)
    check_sums(run)
    assert set(run["marks"]) == {"degraded", "hostd-restarted"} and run["quality"] == "degraded"
    assert int(run["begin_ns"]) <= before.t_ns and after.t_ns <= int(run["end_ns"])
    # What was used while nobody measured is in it, too.
    assert int(rows(run)[0]["energy_uj"]) >= after.domain_uj(scene.guest.uuid) - \
        before.domain_uj(scene.guest.uuid) > 0
