# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-hostd's metrics: exact, as promtool and Prometheus take them, and for whom."""
import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.parse
import uuid

import pytest

from bed.bare import HOSTILE, BareDomains
from bed.engines import fetch_engines
from bed.load import host_load
from bed.lateness import is_as_late, p99, stalls_of
from bed.process import PATIENCE_S, Disturbed, in_one_of, wait_until
from bed.web import Metrics, Web, connect

PORT = 9846
INTERVAL_MS = 200
RETENTION_S = 3


class Served:
    """A host with two packages and domains without an operating system."""

    def __init__(self, bed, domain_type):
        self.host = bed.host()
        self.sim = bed.simrapl(self.host, idle_w=10, busy_w=40, packages=",".join(
            str(i % 2) for i in range(os.cpu_count())))
        self.directory = bed.directory()
        self.domains = BareDomains(self.host, self.directory, domain_type)
        self.create = self.domains.create
        self.web = Web(self.host, PORT)

    def hostd(self, bed, *flags):
        """With short times; the test's."""
        return bed.hostd(self.host, self.sim, "--interval-ms", INTERVAL_MS,
                              "--series-retention-s", RETENTION_S, *flags)

    def has_energy(self, domain):
        with contextlib.suppress(OSError, AssertionError):
            return self.web.metrics().uj("vmpower_domain_energy_joules_total", uuid=domain)
        return 0

    def wait_for(self, domain):
        wait_until(lambda: self.has_energy(domain), f"{domain} has energy")


@pytest.fixture(scope="module", name="served")
def served_fixture(request, module_bed):
    served = Served(module_bed, request.config.getoption("--domain-type"))
    served.hostile = served.create(HOSTILE)
    served.create("web1")
    return served


@pytest.fixture(scope="module", name="prometheus")
def prometheus_fixture():
    """Where Debian's is."""
    return fetch_engines()


def ledger_uj(host, domains):
    """What /metrics counts, since the ledger began, by its names."""
    found = {}
    for zone in host["zones"]:
        name, energy = zone["name"], zone["energy"]
        found[name, "zone"] = int(energy["total_uj"])
        found[name, "unattributed"] = int(energy["unattributed_uj"])
        for kind in ("dynamic", "idle"):
            found[name, "host", kind] = int(energy["host"][f"{kind}_uj"])
            for d in domains["domains"]:
                if name in d["zones"]:
                    found[name, d["uuid"], kind] = int(d["zones"][name]["energy"][f"{kind}_uj"])
    return found


def metrics_uj(metrics):
    found = {}
    for labels, value in metrics.find("vmpower_zone_energy_joules_total"):
        found[labels["zone"], "zone"] = round(float(value) * 1e6)
    for labels, value in metrics.find("vmpower_host_energy_joules_total"):
        key = (labels["zone"], "unattributed") if labels["kind"] == "unattributed" else \
            (labels["zone"], "host", labels["kind"])
        found[key] = round(float(value) * 1e6)
    for labels, value in metrics.find("vmpower_domain_energy_joules_total"):
        found[labels["zone"], labels["uuid"], labels["kind"]] = round(float(value) * 1e6)
    return found


def same_tick(web, hostd):
    """Metrics and both documents of one tick, which each of them tells."""
    def get():
        host = hostd.get("/api/v1/host")
        domains = hostd.get("/api/v1/domains")
        metrics = web.metrics()
        ticks = {int(host["tick"]), int(domains["tick"]), metrics.tick}
        return (metrics, host, domains) if len(ticks) == 1 else None
    return wait_until(get, "all of one tick", every=0.02)


def test_metrics_are_the_ledger(bed, served):
    """To the microjoule; in every zone and tick all adds up; restarts change nothing."""
    # An interval at which everybody may see every tick, and another one than the others'.
    hostd = served.hostd(bed, "--interval-ms", "1000")
    served.wait_for(served.hostile)
    metrics, host, domains = same_tick(served.web, hostd)
    metrics.check_adds_up()
    begin, begin_ledger = metrics_uj(metrics), ledger_uj(host, domains)
    assert begin.keys() == begin_ledger.keys()
    labels = metrics.find("vmpower_domain_info", uuid=served.hostile)[0][0]
    assert labels["domain"] == HOSTILE
    assert int(host["time_ns"]) == pytest.approx(
        metrics.value("vmpower_tick_timestamp_seconds") * 1e9, abs=1000)
    with host_load(bed.directory(), 0.3):
        time.sleep(2)
        metrics, host, domains = same_tick(served.web, hostd)
    metrics.check_adds_up()
    end, end_ledger = metrics_uj(metrics), ledger_uj(host, domains)
    for key, value in end.items():
        assert value - begin[key] == end_ledger[key] - begin_ledger[key], key
    assert end["package-0", "zone"] > begin["package-0", "zone"]
    assert metrics.value("vmpower_self_cpu_seconds_total") > 0
    assert metrics.value("vmpower_self_rss_bytes") > 1 << 20
    # Killed at any moment, it goes on where it was; in another boot it begins anew.
    hostd.kill()
    hostd.start()
    metrics, host, domains = same_tick(served.web, hostd)
    metrics.check_adds_up()
    again, again_ledger = metrics_uj(metrics), ledger_uj(host, domains)
    for key in begin:
        assert again[key] - begin[key] == again_ledger[key] - begin_ledger[key], key
    assert hostd.stop() == 0
    boot_id = served.directory / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    served.host.run("mount", "--bind", boot_id, "/proc/sys/kernel/random/boot_id")
    try:
        hostd.start()
        metrics, host, domains = same_tick(served.web, hostd)
        metrics.check_adds_up()
        fresh = metrics_uj(metrics)
        since_uj = ledger_uj(host, domains)["package-0", "zone"] - \
            again_ledger["package-0", "zone"]
        assert 0 <= fresh["package-0", "zone"] <= since_uj
        assert hostd.stop() == 0
    finally:
        served.host.run("umount", "/proc/sys/kernel/random/boot_id")


def promtool(prometheus, text):
    return subprocess.run([os.path.join(prometheus, "promtool"), "check", "metrics"],
                          input=text, capture_output=True, text=True, check=False, timeout=120)


def test_a_domain_ends(bed, served, prometheus):
    """Its series stay for a while, then go; all adds up in every tick. promtool is content."""
    hostd = served.hostd(bed, "--compat", "kepler")
    brief = served.create("brief")
    served.wait_for(brief)
    text = served.web.metrics().text
    r = promtool(prometheus, text)
    assert (r.returncode, r.stdout, r.stderr) == (0, "", ""), r.stdout + r.stderr
    # promtool sees what is wrong.
    assert promtool(prometheus, text.replace('\\"', '"')).returncode != 0
    end = time.monotonic()
    served.host.virsh("destroy", "brief")
    last = 0
    ended = 0
    while True:
        metrics = served.web.metrics()
        metrics.check_adds_up()
        found = metrics.find("vmpower_domain_energy_joules_total", uuid=brief)
        ended_now = metrics.uj("vmpower_ended_domains_energy_joules_total")
        assert ended_now >= ended
        ended = ended_now
        if not found:
            break
        now = metrics.uj("vmpower_domain_energy_joules_total", uuid=brief)
        assert now >= last
        last = now
        if not metrics.find("vmpower_domain_info", uuid=brief):
            states = {l["state"] for l, _ in metrics.find("kepler_vm_cpu_joules_total", vm_id=brief)}
            assert states == {"terminated"}
        assert time.monotonic() < end + RETENTION_S + PATIENCE_S
        time.sleep(0.1)
    assert time.monotonic() - end >= RETENTION_S - 1
    assert last > 0 and ended >= last
    hostd.stop()


def query(web, text):
    answer = web.request("/api/v1/query?" + urllib.parse.urlencode({"query": text}))
    result = json.loads(answer.body)
    assert result["status"] == "success", result
    return [(r["metric"], r["value"][1]) for r in result["data"]["result"]]


def test_prometheus_and_other_tools_names(bed, served, prometheus):
    """The real one scrapes it, as OpenMetrics, and stores every microjoule."""
    hostd = served.hostd(bed, "--compat", "scaphandre, kepler")
    directory = bed.directory()
    config = directory / "p.yml"
    config.write_text(f"""scrape_configs:
- {{job_name: vmpower, scrape_interval: 1s, static_configs: [{{targets: ['127.0.0.1:{PORT}']}}]}}
""")
    process = served.host.spawn(
        [os.path.join(prometheus, "prometheus"), f"--config.file={config}",
         f"--storage.tsdb.path={directory}/tsdb", "--web.listen-address=127.0.0.1:19090",
         "--log.level=warn"], directory / "prometheus.log")
    web = Web(served.host, 19090)

    def found(text):
        """What is of the last scrape, once there is some: that may have taken too long."""
        def ask():
            # It may still be starting.
            with contextlib.suppress(OSError, ValueError):
                return query(web, text)
            return None
        return wait_until(ask, f"Prometheus has {text}", every=0.3)
    try:
        assert found('up{job="vmpower"} == 1')
        # One instant of time: all of it is of one scrape.
        stored = found('{__name__=~"vmpower_(domain|ended_domains|host|zone)'
                       '_energy_joules_total"}')
        names = {l["domain"] for l, _ in stored if "domain" in l}
        assert HOSTILE in names
        sums = {}
        for labels, value in stored:
            whole = labels["__name__"].startswith("vmpower_zone")
            sums.setdefault(labels["zone"], [0, 0])[whole] += round(float(value) * 1e6)
        assert len(sums) >= 4
        for zone, (parts, total) in sums.items():
            assert parts == total, zone
        # What dashboards of others ask for.
        power, = found("scaph_host_power_microwatts / 1000000")
        # Of a tick, in which the simulator may have been late.
        assert 0 <= float(power[1]) < 500
        names = {l["vmname"] for l, _ in found(
            'sum by (vmname) (scaph_process_power_consumption_microwatts{exe=~".*qemu.*"})')}
        assert names == {HOSTILE, "web1"}
        assert {l["zone"] for l, _ in found("kepler_node_cpu_watts")} >= {"package", "dram"}
        assert found('sum(kepler_node_cpu_watts{zone="package"}) > 5')
        vm, = found('kepler_vm_cpu_joules_total{zone="package",state="running",'
                    f'vm_id="{served.hostile}"}}')
        assert vm[0]["vm_name"] == HOSTILE and vm[0]["hypervisor"] == "kvm"
    finally:
        process.close()
    answer = served.web.request("/metrics", Accept="application/openmetrics-text")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith("\n# EOF\n")
    Metrics(answer.body).check_adds_up()
    hostd.stop()


def test_health(bed, served):
    """It names what is wrong, while all else is served."""
    hostd = served.hostd(bed, "--interval-ms", "500")

    def health(status):
        answer = served.web.request("/healthz")
        return answer.status == status and json.loads(answer.body)
    assert wait_until(lambda: health(200), "healthy") == {"status": "ok", "reasons": []}
    served.host.stop_libvirtd()
    served.sim.hold("intel-rapl:1")
    try:
        served.sim.path("intel-rapl:1").unlink()
        wait_until(lambda: (h := health(503)) and len(h["reasons"]) == 2 and
                   "source lost: zone package-1" in h["reasons"][0] and
                   "libvirt is away" in h["reasons"][1], "both reasons")
        served.web.metrics().check_adds_up()
    finally:
        served.sim.release("intel-rapl:1")
        served.host.start_libvirtd()
    wait_until(lambda: health(200), "healthy again")
    hostd.stop()


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def ticks_seen(web, seconds, least, **headers):
    """In so many seconds, or until there were at least so many."""
    seen = set()
    begin = time.monotonic()
    while time.monotonic() < begin + seconds or \
            len(seen) < least and time.monotonic() < begin + PATIENCE_S:
        seen.add(web.metrics(**headers).tick)
        time.sleep(0.03)
    return seen


def test_tls_and_passwords(bed, served):
    """Who gives a name sees every tick, others one a second, or nothing."""
    directory = bed.directory()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=host",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory / "key.pem",
                    "-out", directory / "cert.pem"], check=True, capture_output=True)
    # "secret", of cost 10
    password = "$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"
    config = directory / "hostd.conf"
    config.write_text(f'tls_certificate = {directory}/cert.pem\ntls_key = {directory}/key.pem\n'
                      f'anonymous = yes\n\n[user "prometheus"]\npassword = {password}\n')
    hostd = served.hostd(bed, "--config", config)
    web = Web(served.host, PORT, directory / "cert.pem")
    good = basic("prometheus", "secret")
    assert web.request("/metrics", **basic("prometheus", "wrong")).status == 401
    assert web.request("/metrics", **basic("nobody", "secret")).status == 401
    assert web.request("/metrics", Host="evil.example").status == 421
    fine = ticks_seen(web, 2, 4, **good)
    coarse = ticks_seen(web, 2, 1)
    print(f"{len(fine)} ticks with a password, {len(coarse)} without")
    assert len(fine) >= 4 and any(tick % 5 != 1 for tick in fine)
    assert coarse and all(tick % 5 == 1 for tick in coarse)
    # Without TLS there is nothing.
    with pytest.raises(OSError):
        assert Web(served.host, PORT).request("/metrics").status == 400
        raise OSError
    # And now nobody without a name.
    hostd.stop()
    hostd.start("--anonymous", "no")
    assert web.request("/metrics").status == 401
    assert web.request("/healthz").headers["WWW-Authenticate"].startswith("Basic realm=")
    assert web.request("/metrics", **good).status == 200
    # vmpower(1) needs none.
    assert hostd.get("/api/v1/host")["tick"]
    hostd.stop()


def test_listen_elsewhere(bed, served):
    """A unix socket; nothing; and an address that somebody else has."""
    path = bed.directory() / "sock"
    hostd = served.hostd(bed, "--listen", f"unix:{path}")
    r = served.host.run("curl", "-s", "--unix-socket", path, "http://x/metrics")
    Metrics(r.stdout).check_adds_up()
    assert path.stat().st_mode & 0o7777 == 0o660
    with pytest.raises(ConnectionRefusedError):
        connect(served.host, PORT)
    hostd.stop()
    assert not path.exists()
    first = served.hostd(bed)
    second = served.hostd(bed)
    assert "Cannot listen where --listen says: Address already in use" in second.log()
    assert second.get("/api/v1/host")["tick"]
    assert served.web.metrics().tick
    second.stop()
    first.stop()


def observe(served, hostd, seconds):
    """(p99 of ticks' lateness, median of scrapes, the worst of a bystander's), in ms."""
    late, took = {}, []
    with stalls_of(served.host, served.directory) as stalls:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            served.web.metrics()
            took.append(time.monotonic() - begin)
            host = hostd.get("/api/v1/host")
            late[host["tick"]] = int(host["tick_late_ns"]) / 1e6
            time.sleep(0.03)
    return p99(late.values()), sorted(took)[len(took) // 2] * 1e3, stalls.worst_ms


def test_slow_readers(bed, served, full):
    """50 that ask for much and read a byte now and then delay no tick and no scrape."""
    hostd = served.hostd(bed, "--interval-ms", "100", "--compat", "scaphandre, kepler")
    requests = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
    seconds = 20 if full else 2

    def attempt():
        cpu_s = hostd.cpu_s()
        for _ in range(20):
            served.web.metrics()
        answer_s = (hostd.cpu_s() - cpu_s) / 20
        alone = observe(served, hostd, seconds)
        cpu_s = hostd.cpu_s()
        slow = [connect(served.host, PORT, receive_buffer=4096) for _ in range(50)]
        try:
            for s in slow:
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    s.send(requests)
            time.sleep(0.5)
            cost_s = hostd.cpu_s() - cpu_s
            beside = observe(served, hostd, seconds)
            for s in slow:
                with contextlib.suppress(BlockingIOError):
                    s.recv(1)
        finally:
            for s in slow:
                s.close()
        compared = (f"p99 of lateness and median of scrapes, ms: alone {alone}, beside 50 {beside}; "
                    f"{cost_s * 1e3:.0f} ms of CPU to begin with, {answer_s * 1e3:.3f} an answer")
        print(compared)
        # They would have it make, and the kernel keep, 10,000 answers.
        assert cost_s < max(0.2, 1000 * answer_s)
        # Below some ms it is this test's own work that is measured, too.
        if not is_as_late(beside[0], alone[0], beside[2]) or beside[1] > max(alone[1] * 1.2, 20):
            raise Disturbed(compared)
    # Others use the machine as well: one undisturbed try is enough.
    in_one_of(5, attempt, Disturbed)
    hostd.stop()
