# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Each option of the manual pages has an example there, and each example is run, as it
stands: with the usual paths, on a private host. See bed/manual.py for how they are marked."""
import concurrent.futures
import contextlib
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import time
import uuid

import pytest

from bed import TESTS
from bed.bare import BareDomains
from bed.fake_host import FakeHost, new_epoch
from bed.manual import Page, help_of, options_of, subcommands_of
from bed.process import LOGS, PATIENCE_S, tail, wait_until
from bed.web import Metrics

PAGES = {path: Page(TESTS.parent / path)
         for path in ("host/vmpower-hostd.8", "guest/vmpower-guest.8", "host/vmpower.1")}
EXAMPLES = [e for page in PAGES.values() for e in page.examples() if "text" not in e.words]
COMMON = {"help", "version", "log-level", "config", "connect", "sysfs", "procfs",
          "libvirt-run-dir", "run-dir", "state-dir"}
ADDRESS = "192.0.2.7"

# A mount namespace with the directories of an installed vmpower and of a guest's ports,
# which the machine lacks, and the simulated RAPL's sysfs.
PLACE = """set -e
mount -t tmpfs none "$1"
for d in /dev /etc /var/lib /var/log; do
	mkdir -p "$1/old$d" "$1/new$d/vmpower" "$1/work"
	mount --rbind $d "$1/old$d"
	for f in "$1/old$d"/*; do
		[ "${f##*/}" = vmpower ] || ln -s "$f" "$1/new$d/"
	done
	mount --bind "$1/new$d" $d
done
mkdir -p /dev/virtio-ports /run/vmpower /run/host/sys /run/host/proc /run/host/run/libvirt
mount -t tmpfs -o mode=0755 none /run/vmpower
mount --bind "$2" /sys
mount --bind "$2" /run/host/sys
mount --rbind /proc /run/host/proc
mount --bind /run/libvirt /run/host/run/libvirt
echo $$ >"$1.pid"
exec sleep infinity
"""
# A host of its own for a daemon: state, network.
ALONE = f"""set -e
mount -t tmpfs -o mode=0755 none /run/vmpower
mount -t tmpfs -o mode=0755 none /var/lib/vmpower
ip link set lo up
ip address add {ADDRESS}/32 dev lo
"""
IDLE = 'cat /proc/stat >"$HOME/stat"; mount --bind "$HOME/stat" /proc/stat\n'


def simple_commands(script):
    """The words of each command of a script without loops and the like."""
    lexer = shlex.shlex(script.replace("\\\n", " ").replace("\n", " ; "), posix=True,
                        punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = []
    for word in lexer:
        if set(word) <= set("|;&"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def programs_of(example):
    """(program, subcommand or "", options) of each of ours that the example calls."""
    conf = example.words.get("conf")
    if conf:
        head = re.split(r"^\[", example.text, maxsplit=1, flags=re.M)[0]
        keys = re.findall(r"^(\w+) *=", head, re.M)
        yield f"vmpower-{conf}", "", {k.replace("_", "-") for k in keys}
        return
    for words in simple_commands(example.commands):
        if not words or not words[0].startswith("vmpower"):
            continue
        operands = [w for w in words[1:] if not w.startswith("-")]
        sub = operands[0] if words[0] == "vmpower" and operands else ""
        if sub == "ledger":
            sub = " ".join(operands[:2])
        yield words[0], sub, {w[2:].split("=")[0] for w in words if w.startswith("--")}


def used():
    """{(program, subcommand): options} of all examples."""
    found = {}
    for example in EXAMPLES:
        for program, sub, options in programs_of(example):
            found.setdefault((program, sub), set()).update(options)
    return found


def helps(build):
    """{(program, subcommand): options} that --help tells of."""
    found = {(p, ""): options_of(help_of(build / p))
             for p in ("vmpower-hostd", "vmpower-guest", "vmpower")}
    for sub in subcommands_of(help_of(build / "vmpower")):
        text = help_of(build / "vmpower", sub)
        for further in subcommands_of(text):
            found["vmpower", f"{sub} {further}"] = options_of(
                help_of(build / "vmpower", sub, further))
        if not subcommands_of(text):
            found["vmpower", sub] = options_of(text)
    return found


@pytest.mark.parametrize("path", PAGES)
def test_options_are_documented(build, path):
    page = PAGES[path]
    program = page.path.stem
    told = set().union(*(o for (p, _), o in helps(build).items() if p == program))
    assert told == page.options()


@pytest.mark.parametrize("path", PAGES)
def test_options_have_examples(build, path):
    """Each subcommand's own options with that subcommand; what all have, with any."""
    page = PAGES[path]
    program = page.path.stem
    examples = used()
    shown = set().union(*(o for (p, _), o in examples.items() if p == program))
    missing = sorted(f"--{option}" for option in page.options() - shown)
    for (p, sub), options in helps(build).items():
        if p == program and sub:
            if (p, sub) not in examples:
                missing.append(sub)
            missing += [f"{sub} --{o}" for o in sorted(options - COMMON -
                                                       examples.get((p, sub), set()))]
    sections = {s for e in EXAMPLES if e.words.get("conf")
                for s in re.findall(r"^\[(\w+)", e.text, re.M)}
    missing += sorted(f"[{s}]" for s in page.sections() - sections)
    assert not missing, f"{path}: no example has {', '.join(missing)}"


@pytest.mark.parametrize("path", PAGES)
def test_examples_are_marked(path):
    assert not PAGES[path].unmarked(), "these lines begin an example that nobody runs"


class Place:
    """The private host on which examples are run."""

    def __init__(self, bed, build, domain_type):
        self.build = build
        self.host = bed.host()
        self.sim = bed.simrapl(self.host, idle_w=10, busy_w=40)
        self.dir = bed.directory()
        domains = BareDomains(self.host, bed.directory(), domain_type)
        for name in ("web1", "build-server"):
            domains.create(name)
            xml = self.dir / f"{name}.xml"
            xml.write_text(self.host.virsh("dumpxml", name))
            self.host.virsh("define", xml)
        self.spaces = {"host": self.make("host"), "guest": self.make("guest")}
        self.run("host", "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hv7 "
                         "-keyout /etc/vmpower/key.pem -out /etc/vmpower/cert.pem 2>&1")

    def make(self, name):
        """The pid of who holds a new namespace, on the host."""
        directory = self.dir / name
        directory.mkdir()
        sysfs = self.sim.sysfs
        self.host.spawn(["unshare", "-m", "--propagation", "private", "sh", "-c", PLACE, "sh",
                         directory, sysfs], self.dir / f"{name}.log")
        path = self.dir / f"{name}.pid"
        wait_until(lambda: path.exists() and path.read_text(), f"namespace {name}")
        return int(path.read_text())

    def command(self, space, *words, **environment):
        home = self.dir / space / "work"
        environment = {"PATH": f"{self.build}:{os.environ['PATH']}", "HOME": home,
                       "TERM": "xterm", **environment}
        return ["nsenter", f"--mount=/proc/{self.spaces[space]}/ns/mnt", f"--wdns={home}", "env",
                *(f"{k}={v}" for k, v in environment.items()), *words]

    def run(self, space, script, statuses=(0,), seconds=180):
        r = self.host.run(*self.command(space, "sh", "-ec", script), check=False, seconds=seconds)
        assert r.returncode in statuses, f"{script}\n{r.returncode}\n{r.stdout}{r.stderr}"
        return r.stdout

    def daemon(self, space, name, script, text, beside=contextlib.nullcontext()):
        """Runs it until it is ready and has logged a text, and a while longer; its log."""
        path = self.dir / f"{name}.notify"
        log = self.dir / f"{name}.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, beside, \
                open(log, "wb") as out:
            notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            notify.bind(str(path))
            notify.settimeout(180)
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *map(str, self.host.enter(*self.command(
                    space, "unshare", "-mn", "--propagation", "private", "sh", "-ec",
                    ALONE + f"set -x\n{script}", NOTIFY_SOCKET=path)))],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                pid = ready_pid(notify, process, log)
                wait_until(lambda: text in log.read_text() or process.poll() is not None, text)
                time.sleep(1.5)
                os.kill(pid, signal.SIGTERM)
                status = process.wait(PATIENCE_S)
            finally:
                process.kill()
                process.wait()
        assert status == 0, f"{script}\n{status}\n{tail(log)}"
        return log.read_text()


def ready_pid(notify, process, log):
    """Who said READY=1."""
    while True:
        try:
            message, control, _, _ = notify.recvmsg(1024, socket.CMSG_SPACE(12))
        except TimeoutError:
            raise AssertionError(f"not ready: {process.poll()} {tail(log)}") from None
        if b"READY=1" in message.split(b"\n"):
            return struct.unpack("iii", control[0][2])[0]


@contextlib.contextmanager
def serve(path):
    """A host that tells an agent of 1 J, at a socket."""
    host = FakeHost(path)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        greeted = pool.submit(host.greet, new_epoch(), 1_000_000, 100_000)
        try:
            yield greeted
            greeted.result(PATIENCE_S)
        finally:
            host.close()


def run_daemon(place, index):
    example = EXAMPLES[index]
    script = example.commands
    conf = example.words.get("conf")
    if conf:
        path = place.dir / f"{index}.conf"
        path.write_text(example.text + "\n")
        # What is in /etc/vmpower is the others' as well.
        script = f"""cp -r /etc/vmpower $HOME/etc.{index}
mount --bind $HOME/etc.{index} /etc/vmpower
cp {path} /etc/vmpower/{conf}.conf
exec vmpower-{conf}"""
    if not is_guests(example):
        log = place.daemon("host", f"{index}.daemon", script, "Measuring every")
        assert "Measuring every" in log
    else:
        # Where QEMU has its end of the port, and where a test's host has it.
        port = re.search(r"--port (/run/\S+)", script)
        port = port[1] if port else f"/run/port.{index}"
        script = f"""mount -t tmpfs none /dev/virtio-ports
ln -s {port} /dev/virtio-ports/org.vmpower.0
{script}"""
        log = place.daemon("guest", f"{index}.daemon", script, "the host sends samples",
                           serve(place.host.dir / port.lstrip("/")))
        assert "the host sends samples" in log
    wrong = re.search(r"^(?!\+).*(?:[Cc]annot|ignoring|Not ).*", log, re.M)
    assert not wrong or "offline" in example.words, wrong[0]


def is_guests(example):
    return example.page.startswith("vmpower-guest")


def is_daemon(example):
    return "daemon" in example.words or "conf" in example.words


@pytest.fixture(scope="module", name="place")
def place_fixture(request, module_bed, build):
    """Examples of daemons have run beside each other, and one of each is there."""
    place = Place(module_bed, build, request.config.getoption("--domain-type"))
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        place.daemons = {i: pool.submit(run_daemon, place, i)
                         for i, example in enumerate(EXAMPLES) if is_daemon(example)}
    with contextlib.ExitStack() as stack:
        log = place.dir / "hostd.log"
        hostd = stack.enter_context(contextlib.closing(place.host.spawn(
            place.command("host", "vmpower-hostd", "--interval-ms", "200", "--compat",
                          "scaphandre, kepler"), log)))
        LOGS[hostd] = ("the examples' vmpower-hostd", log)
        greeted = stack.enter_context(serve(place.host.dir / "run/vmpower-port"))
        stack.enter_context(contextlib.closing(place.host.spawn(
            place.command("guest", "vmpower-guest", "--port", "/run/vmpower-port"),
            place.dir / "agent.log")))
        greeted.result(PATIENCE_S)
        wait_until(lambda: "Measuring every" in log.read_text(), "vmpower-hostd measures")
        prepare_exports(place)
        yield place


def prepare_exports(place):
    """host1.csv is this host's; the others have other domains."""
    home = place.dir / "host/work"
    text = place.run("host", "sleep 1; vmpower ledger export | tee host1.csv")
    for name in ("host2.csv", "host3.csv"):
        names = {}
        other = re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                       lambda m: names.setdefault(m[0], str(uuid.uuid4())), text)  # pylint: disable=cell-var-from-loop
        path = place.dir / name
        path.write_text(other, newline="")
        place.run("host", f"cp {path} {home}/")


@pytest.mark.parametrize("index", range(len(EXAMPLES)), ids=lambda i: str(EXAMPLES[i]))
def test_example(place, index):
    example = EXAMPLES[index]
    if is_daemon(example):
        place.daemons[index].result()
        return
    script = example.commands
    if "for" in example.words:
        script = f"timeout --foreground -s INT --preserve-status {example.words['for']} {script}"
    if "tty" in example.words:
        script = f"script -qec {shlex.quote(script)} /dev/null"
    if "idle" in example.words:
        script = f"unshare -m --propagation private sh -ec {shlex.quote(IDLE + script)}"
    place.run("guest" if is_guests(example) else "host", script,
              {int(n) for n in example.words.get("status", "0").split(",")})


def test_migrating(place, build):
    """The metrics and flags that host/MIGRATING.md promises are there."""
    text = (TESTS.parent / "host/MIGRATING.md").read_text(encoding="utf-8")
    served = Metrics(place.run("host", "curl -s http://127.0.0.1:9846/metrics")).samples
    promised = set(re.findall(r"\bvmpower_[a-z_]+[a-z]", text))
    flags = set(re.findall(r"`(--[a-z-]+)", re.sub(r"`(?:scaphandre|kepler) [^`]*`", "", text)))
    for row in re.findall(r"^\|(.*)\|$", text, re.M):
        cells = row.split(" | ")
        if len(cells) == 3 and cells[1].startswith("the same"):
            promised |= set(re.findall(r"`((?:scaph|kepler)_[a-z_]+)", cells[0]))
    assert len(promised) > 20 and promised <= served.keys(), promised - served.keys()
    ours = set().union(*helps(build).values())
    theirs = {"--host", "--vm", "--step", "--qemu"}
    assert {f[2:] for f in flags - theirs} <= ours, flags
    assert "uuid" in served["vmpower_domain_energy_joules_total"][0][0]
