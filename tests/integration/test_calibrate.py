# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower calibrate: refuses on a busy host, measures an idle one, and hostd goes by it."""
import configparser
import contextlib
import os
import pathlib
import signal

import pytest

from bed.process import in_one_of, wait_until

IDLE_W = {"package-0": 10, "dram-0": 2}


class Scene:
    """A busy guest on a host whose power hardly depends on what the machine does."""

    def __init__(self, bed):
        self.host = bed.host()
        self.sim = bed.simrapl(
            self.host, packages=",".join("0" * os.cpu_count()), idle_w=IDLE_W["package-0"],
            busy_w=0.02, dram_idle_w=IDLE_W["dram-0"], dram_busy_w=0.01)
        self.guest = bed.guest(self.host, "grinder", "-n")
        self.guest.load(1.0)
        self.hostd = bed.hostd(self.host, self.sim)
        # A host that does nothing, whatever else runs on this machine: its time stands still.
        self.idle = bed.directory()
        (self.idle / "stat").write_text(pathlib.Path("/proc/stat").read_text())

    @property
    def values(self):
        return self.hostd.state_dir / "calibration.conf"

    def calibrate(self, *flags):
        return self.hostd.vmpower("calibrate", "--state-dir", self.hostd.state_dir, *flags,
                                  check=False)

    def zones(self):
        return {z["name"]: z for z in self.hostd.get("/api/v1/host")["zones"]
                if z["kind"] in ("package", "dram")}

    def origins(self):
        return {z["idle_power_origin"] for z in self.zones().values()}


@pytest.fixture(scope="module", name="scene")
def scene_fixture(module_bed):
    return Scene(module_bed)


def test_busy_host(scene):
    """It says so as soon as it is clear, and who it is."""
    r = scene.calibrate("--for", "5s")
    assert r.returncode == 1, r.stdout + r.stderr
    assert "not idle" in r.stderr and "nothing was changed" in r.stderr, r.stderr
    assert "domain grinder" in r.stderr.splitlines()[2], r.stderr
    assert not scene.values.exists() and scene.origins() == {"learned"}


def test_interrupted(scene):
    log = scene.idle / "interrupted.log"
    process = scene.host.spawn(
        [scene.hostd.build / "vmpower", "calibrate", "--run-dir", scene.hostd.run_dir,
         "--state-dir", scene.hostd.state_dir, "--procfs", scene.idle], log)

    def has_signals():
        """From then on a signal does not kill it."""
        fds = pathlib.Path(f"/proc/{process.pid}/fd")
        with contextlib.suppress(OSError):
            return any("signalfd" in os.readlink(fd) for fd in fds.iterdir())
        return False
    wait_until(has_signals, "its signals wait")
    process.signal(signal.SIGINT)
    assert process.popen.wait(60) == 1
    process.close()
    assert "nothing was changed" in log.read_text(), log.read_text()
    assert not list(scene.hostd.state_dir.glob("calibration*"))


def test_elsewhere(scene):
    """It writes where it is told to, and not where the daemon says."""
    r = scene.calibrate("--for", "5s", "--state-dir", scene.idle)
    assert r.returncode == 1 and str(scene.values) in r.stderr, r.stderr
    assert "--state-dir" in r.stderr and not list(scene.idle.glob("calibration*"))


@pytest.mark.parametrize("duration", ("4", "25h", "5x", "", "-5"))
def test_wrong_time(scene, duration):
    assert scene.calibrate("--for", duration).returncode == 2


def calibrate_idle(scene):
    """A block of the time in which the simulator was late is one of less energy."""
    def attempt():
        r = scene.calibrate("--for", "5s", "--procfs", scene.idle)
        assert r.returncode == 0, r.stdout + r.stderr
        print(r.stdout)
        check_calibrated(scene)
        return r
    return in_one_of(3, attempt)


def check_calibrated(scene):
    for name, zone in scene.zones().items():
        assert zone["idle_power_origin"] == "calibrated"
        assert zone["idle_power_w"] == pytest.approx(IDLE_W[name], rel=0.02)
        assert f"{zone['idle_power_w']:.2f}   calibrated" in scene.hostd.vmpower("list").stdout


def test_idle_host(scene):
    """What it finds is what is true; hostd takes it at once, and has it after a restart."""
    r = calibrate_idle(scene)
    assert str(scene.values) in r.stdout
    values = configparser.ConfigParser()
    values.read(scene.values)
    assert {s for s in values if s.startswith("zone")} == {f'zone "{z}"' for z in IDLE_W}
    assert scene.values.stat().st_mode & 0o777 == 0o600
    scene.hostd.stop()
    scene.hostd.start()
    check_calibrated(scene)


def test_undo(scene):
    r = scene.calibrate("--undo")
    assert r.returncode == 0, r.stdout + r.stderr
    assert not scene.values.exists() and scene.origins() == {"learned"}
    assert "nothing to undo" in scene.calibrate("--undo").stdout


def test_configured(scene):
    """What the administrator wrote wins, and the command says so."""
    config = scene.idle / "hostd.conf"
    config.write_text('[zone "package-0"]\nidle_w = 7\n')
    scene.hostd.stop()
    scene.hostd.start("--config", config)
    r = scene.calibrate("--for", "5s", "--procfs", scene.idle)
    assert r.returncode == 0 and "7.000 W, and that wins" in r.stdout, r.stdout + r.stderr
    zones = scene.zones()
    assert zones["package-0"]["idle_power_origin"] == "configured"
    assert zones["package-0"]["idle_power_w"] == 7
    assert zones["dram-0"]["idle_power_origin"] == "calibrated"
