# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The agent's tree against that of the kernel's own powercap core (tests/oracle)."""
import os
import pathlib
import random
import shutil
import subprocess

import pytest

from bed import TESTBED
from bed.guest import boot
from bed.process import wait_until

ORACLE = pathlib.Path(__file__).parent.parent / "oracle"
OPERATIONS = 60000
FULL_OPERATIONS = 1000000
# About ten times what it takes.
SECONDS = 600


def build_module(directory):
    """The kernel module, for the guests' kernel."""
    shutil.copytree(ORACLE / "module", directory)
    kernel = subprocess.run([TESTBED / "kernel"], check=True, capture_output=True, text=True)
    build = pathlib.Path(kernel.stdout.strip(), "headers/build")
    made = subprocess.run(["make", "-C", build, f"M={directory}", "CC=gcc", "modules"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return directory / "vmpower_oracle.ko"


@pytest.fixture(name="vm")
def vm_fixture(bed, build, request):
    work = bed.directory()
    tools = subprocess.run([TESTBED / "tools"], check=True, capture_output=True, text=True)
    programs = [pathlib.Path(tools.stdout.strip(), "bin/qemu-ga"), build / "vmpower-guest",
                build / "tests/oracle/oracle"]
    subprocess.run([TESTBED / "image", work / "guest.cpio", *programs], check=True,
                   env={**os.environ, "MODULE_FILES": str(build_module(work / "module"))})
    options = ("-t", request.config.getoption("--domain-type"), "-a", "vmpower.agent=no", "-n")
    return bed.owned(boot(bed.host(), work / "guest.cpio", {"oracle": options})[0])


def test_tree_is_the_kernels(vm, full):
    differences = (ORACLE / "differences").read_text()
    vm.run(f"cat >/run/differences <<'END'\n{differences}\nEND")
    # Each refused event is logged, and each accepted one starts a program.
    vm.run("dmesg -n 1; killall uevent; mkdir /run/tree; modprobe vmpower_oracle; "
           "mount -o remount,nosuid,nodev,noexec /sys")
    vm.spawn("vmpower-guest --run-dir /run/vmpower --mount /run/tree --port /run/oracle.sock",
             log="/var/log/vmpower-guest.log")
    seed = random.getrandbits(32)
    operations = FULL_OPERATIONS if full else OPERATIONS
    vm.spawn("oracle --kernel /sys --vmpower /run/tree --socket /run/oracle.sock "
             "--parameters /sys/module/vmpower_oracle/parameters --differences /run/differences "
             f"--seed {seed} --operations {operations}; echo status $? >/run/status",
             log="/run/output")
    wait_until(lambda: vm.status_of("test -s /run/status") == 0,
               f"{operations} operations are done, seed {seed}", SECONDS * (10 if full else 1),
               every=1)
    output = vm.run("cat /run/output /run/status")
    print(output)
    assert output.endswith("status 0"), output
