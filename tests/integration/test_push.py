# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-hostd pushes every tick, exactly and in order, to engines that come and go."""
import base64
import contextlib
import json
import ssl
import subprocess

import pytest

from bed.bare import HOSTILE
from bed.engines import Influx, Prometheus, VictoriaMetrics, fetch_engines
from bed.process import wait_until
from bed.pushing import Pushing, check_adds_up, ended_with, scraped, watch
from bed.receiver import HttpReceiver
from bed.web import listen

RECEIVER_PORT = 18000

NAMES = "vmpower_(tick_number|(domain|ended_domains|host|zone)_energy_joules_total)"
EXPRESSIONS = {"prometheus": NAMES, "victoria": NAMES, "influx": "vmpower_.*energy.*"}


@pytest.fixture(scope="module", name="pushing")
def pushing_fixture(request, module_bed):
    return Pushing(module_bed, request.config.getoption("--domain-type"))


@pytest.fixture(scope="module", name="engines")
def engines_fixture(pushing, module_bed):
    """By their names in the configuration."""
    programs = fetch_engines()
    return {name: module_bed.owned(engine(pushing.host, module_bed.directory(), programs))
            for name, engine in (("prometheus", Prometheus), ("victoria", VictoriaMetrics),
                                 ("influx", Influx))}


def energies(points):
    """By tick, microjoules by labels without those that the target adds; joules are
    rounded."""
    found = {}
    for values in points.values():
        of_tick, ticks = {}, set()
        for labels, value in values.items():
            labels = dict(labels)
            name = labels.pop("__name__").removesuffix("_joules_total")
            labels.pop("instance", None)
            labels.pop("host", None)
            if name == "vmpower_tick_number":
                ticks.add(int(float(value)))
                continue
            if isinstance(value, dict):
                ticks.add(value["tick"])
                value = value["microjoules"]
                # What InfluxDB has for a tag that is not there.
                labels = {k: v for k, v in labels.items() if v != ""}
            else:
                value = round(float(value) * 1e6)
            of_tick[name, frozenset(labels.items())] = value
        tick, = ticks
        found[tick] = of_tick
    return found


def whole(points, last):
    """Their energies, once the last tick is there: VictoriaMetrics takes its time to show
    what it has."""
    with contextlib.suppress(ValueError):
        found = energies(points)
        if last in found and last - 1 in found and len(found[last]) >= len(found[last - 1]):
            return found
    return None


def ticks_of(lines):
    return [int(line["tick"]) for line in lines]


def lines_of(receiver):
    return [json.loads(line) for _, _, body in receiver.taken for line in body.splitlines()]


def check_line_adds_up(line):
    for zone in line["zones"]:
        energy = zone["energy"]
        parts = int(energy["unattributed_uj"])
        for share in (energy["host"], energy["ended_domains"],
                      *(d["zones"][zone["name"]]["energy"] for d in line["domains"]
                        if zone["name"] in d["zones"])):
            parts += int(share["dynamic_uj"]) + int(share["idle_uj"])
        assert parts == int(energy["total_uj"]), (line["tick"], zone["name"])


def test_engines_keep_every_tick(bed, pushing, engines, full):
    """They are away for a while; then all of them have what the ledger has, and when
    vmpower-hostd ends, the last tick, too."""
    common = {"interval_ms": 1000, "retry_max_s": 2, "labels": "rack=a1"}
    formats = {"prometheus": "remote-write", "victoria": "remote-write", "influx": "influx"}
    sections = {name: {"format": formats[name], "url": engine.url, **common}
                for name, engine in engines.items()}
    sections["lines"] = {"format": "ndjson", "url": f"http://127.0.0.1:{RECEIVER_PORT}/x?y=z",
                         **common}
    receiver = bed.owned(HttpReceiver(pushing.host, RECEIVER_PORT))
    hostd = pushing.hostd(bed, sections)
    # There is no such database yet: that is somebody's to put right, and no tick is lost.
    wait_until(lambda: pushing.pushed("failures_total", "influx"), "InfluxDB says no")
    engines["influx"].create_database()
    for name in sections:
        wait_until(lambda n=name: pushing.pushed("delivered_ticks_total", n),
                   f"{name} has something")
    check_ended(pushing, engines["prometheus"])
    seen = {}
    targets = (*engines.values(), receiver)
    for target in targets:
        (target.away if target is receiver else target.stop)()
    watch(pushing, 60 if full else 10, seen)
    wait_until(lambda: watch(pushing, 0.5, seen) or len(seen) > 5, "ticks are seen")
    for name in sections:
        wait_until(lambda n=name: pushing.pushed("waiting_ticks", n) > 10 and
                   pushing.pushed("failures_total", n), f"ticks wait for {name}")
    for target in targets:
        (target.back if target is receiver else target.start)()
    for name in sections:
        wait_until(lambda n=name: pushing.pushed("waiting_ticks", n) < 10, f"{name} is told")
    watch(pushing, 1, seen)
    for name in sections:
        assert {v for _, v in pushing.web.metrics().find(
            "vmpower_push_dropped_ticks_total", target=name)} == {"0"}
    assert hostd.stop() == 0
    left = ended_with(hostd.log())
    # On a busy machine one may take longer than there is time at the end; not all of them do.
    assert left.keys() < sections.keys(), left
    check_lines(receiver, max(seen) if "lines" not in left else 0)
    last = max(ticks_of(lines_of(receiver)))
    for name, engine in engines.items():
        own = last - left.get(name, 0)
        found = wait_until(lambda e=engine, n=name, o=own: whole(e.points(EXPRESSIONS[n]), o),
                           f"{name} shows the last tick")
        # Of what was on its way then, nobody knows.
        assert sorted(found) == list(range(1, max(found) + 1)) and max(found) >= own, name
        check_engine(found, {t: m for t, m in seen.items() if t <= max(found)})


def check_ended(pushing, prometheus):
    """A domain that ends has no series any more; left alone, they go on for 5 minutes."""
    uuid = pushing.domains.create("brief")
    query = f'vmpower_domain_info{{uuid="{uuid}",instance!=""}}'
    wait_until(lambda: prometheus.now(query), "the domain is there")
    pushing.host.virsh("destroy", "brief")
    wait_until(lambda: not prometheus.now(query), "the domain is gone")


def check_lines(receiver, last_seen):
    lines = lines_of(receiver)
    assert not receiver.problems
    assert ticks_of(lines) == list(range(1, len(lines) + 1))
    assert len(lines) >= last_seen
    for line in lines:
        check_line_adds_up(line)
    path, headers, _ = receiver.taken[0]
    assert path == "/x?y=z" and headers["Content-Type"] == "application/x-ndjson"


def check_engine(found, seen):
    """To the microjoule, in each tick."""
    for of_tick in found.values():
        check_adds_up(of_tick)
    assert sum(found[max(found)].values()) > 0 and len(seen) > 5
    for tick, metrics in seen.items():
        expected = {(name, labels | {("rack", "a1")}): uj
                    for (name, labels), uj in scraped(metrics).items()}
        got = {(name, frozenset(labels)): uj for (name, labels), uj in found[tick].items()}
        assert got == expected, tick
    names = {dict(labels).get("domain") for of_tick in found.values() for _, labels in of_tick}
    assert HOSTILE in names


def test_answers(bed, pushing):
    """What is refused is dropped and counted, all else comes, in order; no target is in the
    way of another one or of the ticks."""
    directory = bed.directory()
    token = directory / "token"
    token.write_text("s3cret\n")
    receiver = bed.owned(HttpReceiver(pushing.host, RECEIVER_PORT))
    receiver.headers = {429: {"Retry-After": "3"}, 503: {"Retry-After": "1e9 \\"}}
    receiver.plan.extend([200, 500, "mute", 400, 429, 200, 503, "slow", 404, 200])
    # It takes connections, and that is all.
    silent = bed.owned(listen(pushing.host, RECEIVER_PORT + 1))
    common = {"format": "ndjson", "interval_ms": 400, "retry_max_s": 1, "timeout_s": 60}
    hostd = pushing.hostd(bed, {
        "scripted": {**common, "url": f"http://127.0.0.1:{RECEIVER_PORT}/",
                     "token_file": token},
        "silent": {**common, "url": f"http://127.0.0.1:{silent.getsockname()[1]}/"},
        "away": {**common, "url": "http://127.0.0.1:1/"}})
    wait_until(lambda: not receiver.plan, "all answers were given")
    begin = len(receiver.taken)
    wait_until(lambda: len(receiver.taken) > begin + 1, "it goes on")
    # An answer to that batch was lost before.
    refused = pushing.pushed("dropped_ticks_total", "scripted", reason="unclear")
    assert pushing.pushed("dropped_ticks_total", "scripted", reason="refused") == 0
    # An answer that is lost on a kept connection makes libcurl try again by itself.
    assert pushing.pushed("failures_total", "scripted") in (5, 6)
    assert pushing.pushed("delivered_ticks_total", "silent") == 0
    assert pushing.pushed("failures_total", "away") > 0
    assert hostd.stop() == 0
    log = hostd.log()
    assert "Push scripted: the target refused" in log and "HTTP 400" in log
    assert log.count("Push away: ") == 2  # once in all that time, and what it never got
    assert "Push scripted goes on" in log
    assert not receiver.problems
    lines = lines_of(receiver)
    ticks = sorted(set(ticks_of(lines)))
    # A batch whose answer was lost comes twice.
    assert [t for i, t in enumerate(ticks_of(lines)) if t not in ticks_of(lines)[:i]] == ticks
    missing = set(range(1, ticks[-1] + 1)) - set(ticks)
    assert refused == len(missing) > 0
    assert missing == set(range(min(missing), max(missing) + 1))
    when = {status: t for t, status, _ in reversed(receiver.asked)}
    after = min(t for t, _, _ in receiver.asked if t > when[429])
    assert after - when[429] >= 3
    assert all(h["Authorization"] == "Bearer s3cret" for _, h, _ in receiver.taken)


def test_tls_and_passwords(bed, pushing):
    """Over HTTPS, whose certificate has to be good, with a name and a password."""
    directory = bed.directory()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=host",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory / "key.pem",
                    "-out", directory / "cert.pem"], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    receiver = bed.owned(HttpReceiver(pushing.host, RECEIVER_PORT, tls))
    password = directory / "password"
    url = f"https://127.0.0.1:{RECEIVER_PORT}/"
    common = {"format": "remote-write", "url": url, "interval_ms": 300, "retry_max_s": 1}
    hostd = pushing.hostd(bed, {
        "good": {**common, "tls_ca": directory / "cert.pem", "user": "ann",
                 "password_file": password},
        "unknown": common})
    # No password yet; files are read anew each time.
    wait_until(lambda: "Push good: cannot read" in hostd.log(), "it says so")
    password.write_text("a:b é\n")
    wait_until(lambda: receiver.taken, "the good one comes")
    wait_until(lambda: "Push unknown: SSL" in hostd.log(), "the certificate is unknown")
    assert pushing.pushed("delivered_ticks_total", "unknown") == 0
    assert hostd.stop() == 0
    _, headers, _ = receiver.taken[0]
    assert headers["Authorization"] == "Basic " + base64.b64encode("ann:a:b é".encode()).decode()
    assert headers["Content-Encoding"] == "snappy"
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert "a:b" not in hostd.log()
