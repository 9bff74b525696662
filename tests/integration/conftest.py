# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Fixtures: real parts, started for a test and gone after it. See bed/."""
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

# pylint: disable=wrong-import-position
from bed import TESTBED
from bed.guest import DebianGuest, boot
from bed.host import Host
from bed.hostd import Hostd, Twin, channels_directory
from bed.process import LOGS, tail
from bed.simrapl import SimRapl


def pytest_addoption(parser):
    parser.addoption("--build", type=pathlib.Path, required=False, help="the build directory")
    parser.addoption("--full", action="store_true", help="long durations")
    parser.addoption("--domain-type", default="qemu", choices=("qemu", "kvm"),
                     help="of the guests; the results are to be the same")


def pytest_configure(config):
    def interrupt(_number, _frame):
        raise KeyboardInterrupt
    # So that fixtures clean up; in the background SIGINT is ignored by default.
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    if os.geteuid() != 0:
        raise pytest.UsageError("the integration tests need root")
    if not config.getoption("--build"):
        raise pytest.UsageError("say --build=DIR, or use make check-integration")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):  # pylint: disable=unused-argument
    report = (yield).get_result()
    if report.failed:
        report.sections += [(title, tail(path)) for title, path in LOGS.values()]


@pytest.fixture(scope="session", name="build")
def build_fixture(request):
    """The directory of the built programs."""
    return request.config.getoption("--build").resolve()


@pytest.fixture(scope="session")
def full(request):
    """Whether durations are to be long."""
    return request.config.getoption("--full")


@pytest.fixture(scope="session", name="work")
def work_fixture():
    """A directory of the run, with a short path (sockets) and on the usual file system."""
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(tempfile.mkdtemp(prefix="vmpower.", dir="/tmp"))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        yield work


@pytest.fixture(scope="session", name="directory")
def directory_fixture(work):
    """Makes a new directory with a short path at each call."""
    numbers = itertools.count(1)

    def make():
        path = work / str(next(numbers))
        path.mkdir(mode=0o700)
        return path
    return make


@pytest.fixture(scope="session", name="image")
def image_fixture(build, work):
    """The guests' initramfs, with the agent and the tools that read powercap and MSRs."""
    tools = subprocess.run([TESTBED / "tools"], check=True, capture_output=True, text=True)
    binaries = sorted(pathlib.Path(tools.stdout.strip(), "bin").iterdir())
    binaries.append(build / "vmpower-guest")
    path = work / "guest.cpio"
    subprocess.run([TESTBED / "image", path, *(b for b in binaries if b.exists())], check=True,
                   env={**os.environ, "MODULES": "loop msr"})
    return path


@pytest.fixture(scope="session", name="installed")
def installed_fixture(build, work):
    """Below it, what "make install" puts where."""
    path = work / "installed"
    subprocess.run(["make", "-s", "-C", build, "install", f"DESTDIR={path}"], check=True,
                   stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="session", name="debian_image")
def debian_image_fixture(work):
    """Makes an image of a guest with systemd, once for the same arguments: what is below
    directories is copied into it, and packages are installed."""
    made = {}

    def make(*directories, packages=()):
        key = (directories, tuple(packages))
        if key not in made:
            made[key] = work / f"debian-{len(made) + 1}"
            over = [word for directory in directories for word in ("-d", directory)]
            subprocess.run([TESTBED / "debian-image", made[key], *over, *packages], check=True)
        return made[key]
    return make


class Bed:
    """Makes parts, and closes them in the opposite order."""

    def __init__(self, stack, request, build, directory):
        self._stack = stack
        self._request = request
        self._directory = directory
        self._domain_type = request.config.getoption("--domain-type")
        self.build = build

    def _owned(self, part):
        self._stack.callback(part.close)
        return part

    def directory(self):
        return self._directory()

    def host(self, name="host", **conf):
        return self._owned(Host(self._directory(), name, **conf))

    def guests(self, host, specs, seconds=240):
        """Boots {name: options of tests/testbed/domain} at the same time; a list."""
        image = self._request.getfixturevalue("image")
        specs = {n: ("-t", self._domain_type, *options) for n, options in specs.items()}
        return [self._owned(g) for g in boot(host, image, specs, seconds)]

    def guest(self, host, name, *options):
        return self.guests(host, {name: options})[0]

    def debian_guests(self, host, specs, *directories, packages=(), check_clocks=True):
        """The same for guests with systemd, and what "make install" installs; see
        debian_image. Time is to be measured only in those with checked clocks."""
        fixture = self._request.getfixturevalue
        image = fixture("debian_image")(fixture("installed"), *directories, packages=packages)
        specs = {n: ("-t", self._domain_type, "-m", 384, "-d", image / "disk", *options)
                 for n, options in specs.items()}
        guests = boot(host, image / "initrd", specs, 600, DebianGuest, check_clocks)
        return [self._owned(g) for g in guests]

    def simrapl(self, host=None, **options):
        return self._owned(SimRapl(self.build, self._directory(), host, **options))

    def hostd(self, host, simrapl, *flags, start=True):
        """vmpower-hostd with the simulated RAPL (or None) as its sysfs."""
        sysfs = ("--sysfs", simrapl.sysfs) if simrapl else ()
        return self._owned(Hostd(self.build, host, self._directory(), *sysfs, *flags, start=start))

    def twin(self, host, simrapl, guest, *flags):
        """Another one beside it, for which the directory of a guest's channel is empty."""
        return self._owned(Twin(self.build, host, self._directory(),
                                channels_directory(host, guest),
                                "--sysfs", simrapl.sysfs, *flags))

    def owned(self, part):
        """Closes a part that the caller made, in its turn."""
        return self._owned(part)


@pytest.fixture
def bed(request, build, directory):
    """Parts for one test."""
    with contextlib.ExitStack() as stack:
        yield Bed(stack, request, build, directory)


@pytest.fixture(scope="module")
def module_bed(request, build, directory):
    """Parts shared by the tests of a module."""
    with contextlib.ExitStack() as stack:
        yield Bed(stack, request, build, directory)
