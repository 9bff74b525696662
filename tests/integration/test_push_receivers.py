# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What vmpower-hostd pushes to Warp 10 and to Riemann, decoded by others' code."""
from urllib.parse import urlsplit

import pytest

from bed.bare import HOSTILE
from bed.ledger import Ledger
from bed.process import wait_until
from bed.pushing import Pushing, check_adds_up, ended_with, manual_sections, watch
from bed.receiver import HttpReceiver, RiemannReceiver
from bed.riemann import Msg
from bed.warp10 import readings

WARP10_PORT, RIEMANN_PORT, STUBBORN_PORT = 18010, 18011, 18012
# As often as Riemann may refuse a message.
ATTEMPTS = 8
# As often as vmpower-hostd may end before the last tick is delivered.
ENDS = 5


@pytest.fixture(scope="module", name="pushing")
def pushing_fixture(request, module_bed):
    return Pushing(module_bed, request.config.getoption("--domain-type"))


def key(name, labels):
    """Of a series, without what the targets add; a label that is empty is none."""
    return name, frozenset((k, v) for k, v in labels.items()
                           if v and k not in ("host", "rack", "tick"))


class Ticks:
    """Values by series, by tick, in the order in which the ticks came."""

    def __init__(self):
        self.values = []
        self._time_us = None

    def add(self, time_us, name, labels, value):
        if time_us != self._time_us:
            self.values.append({})
            self._time_us = time_us
        of_tick = self.values[-1]
        assert key(name, labels) not in of_tick, (name, labels)
        of_tick[key(name, labels)] = value

    def numbers(self):
        return [v[key("vmpower_tick_number", {})] for v in self.values]

    def energies(self, at):
        """Of the tick there, as they are called in bed.pushing."""
        suffix = "_energy_microjoules_total"
        of_tick = self.values[at]
        found = {(name.removesuffix(suffix) + "_energy", labels): uj
                 for (name, labels), uj in of_tick.items() if name.endswith(suffix)}
        assert found and all(isinstance(uj, int) for uj in found.values())
        return found


def of_warp10(receiver):
    ticks = Ticks()
    for path, headers, body in receiver.taken:
        assert path == "/api/v0/update"
        assert headers["X-Warp10-Token"] == "s3cret"
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        for time_us, name, labels, value in readings(body):
            assert labels["host"] == "host" and labels["rack"] == "a/1"
            ticks.add(time_us, name, labels, value)
    return ticks


def metric_of(event):
    fields = {f.name for f, _ in event.ListFields()}
    metric, = fields & {"metric_sint64", "metric_d", "metric_f"}
    assert fields - {metric} == {"time", "time_micros", "host", "service", "tags", "attributes"}
    return getattr(event, metric)


def of_riemann(receiver):
    ticks = Ticks()
    ticks_of_time = {}
    for message in receiver.taken:
        assert [f.name for f, _ in message.ListFields()] == ["events"]
        # An index keeps one event a host and service: none may stand for two series.
        seen = set()
        for event in message.events:
            labels = {a.key: a.value for a in event.attributes}
            assert len(labels) == len(event.attributes)
            assert event.host == "host" and labels["rack"] == "a/1"
            assert list(event.tags) == ["vmpower"]
            assert event.time == event.time_micros // 1000000
            assert (event.time_micros, event.service) not in seen
            seen.add((event.time_micros, event.service))
            ticks.add(event.time_micros, event.service.split("/")[0], labels, metric_of(event))
            if event.service.startswith("vmpower_tick_number"):
                assert int(labels["tick"]) == metric_of(event)
            tick = ticks_of_time.setdefault(event.time_micros, labels["tick"])
            assert labels["tick"] == tick
    return ticks


def decoded(receivers):
    """Ticks by the names of the targets."""
    return {name: {"warp10": of_warp10, "riemann": of_riemann}[name](receiver)
            for name, receiver in receivers.items()}


def of_ledger(path):
    """The last tick, as the file has it."""
    ledger = Ledger(path)
    found = {}
    for zone, account in ledger.zones.items():
        found[key("vmpower_zone_energy", {"zone": zone})] = account["total"]
        found[key("vmpower_host_energy", {"zone": zone, "kind": "unattributed"})] = \
            account["unattributed"]
        shares = [("host", {}, account["host"])]
        shares += [("domain", {"uuid": u}, zones[zone]) for u, zones in ledger.domains.items()]
        for who, labels, share in shares:
            for kind, uj in zip(("dynamic", "idle"), share):
                found[key(f"vmpower_{who}_energy", {**labels, "zone": zone, "kind": kind})] = uj
    return found


def without(of_tick, *labels):
    return {(name, frozenset((k, v) for k, v in has if k not in labels)): value
            for (name, has), value in of_tick.items()}


def check_scraped(ticks, metrics):
    """All that /metrics said of a tick, and nothing else, of whatever kind it is."""
    expected = {key(name, labels): value for name, samples in metrics.samples.items()
                for labels, value in samples}
    got = dict(ticks.values[ticks.numbers().index(metrics.tick)])
    for (name, labels), value in expected.items():
        micro = name.replace("_joules_total", "_microjoules_total")
        if micro != name:
            assert got.pop((micro, labels)) == round(float(value) * 1e6), (name, labels)
            continue
        found = got.pop((name, labels))
        # A double of nanoseconds since 1970 was rounded before it was divided.
        assert found == pytest.approx(float(value), rel=1e-15, abs=0), (name, labels)
        # Time series have one type.
        assert isinstance(found, int) == (not name.endswith(("_seconds", "_watts",
                                                             "_seconds_total"))), name
    assert not got


def test_to_the_microjoule(bed, pushing):
    """As the manual has them set up, targets that refuse, dawdle, hang up and go away are
    told all ticks, in order and once; each adds up; they are what is scraped, and the last
    one is the ledger's."""
    token = bed.directory() / "token"
    token.write_text("s3cret\n")
    receivers = {
        "warp10": bed.owned(HttpReceiver(pushing.host, WARP10_PORT)),
        "riemann": bed.owned(RiemannReceiver(pushing.host, RIEMANN_PORT, Msg))}
    for receiver in receivers.values():
        receiver.plan.extend(["refuse", None, "close", "slow", "mute", None])
    stubborn = bed.owned(RiemannReceiver(pushing.host, STUBBORN_PORT, Msg))
    stubborn.plan.extend(ATTEMPTS * ["refuse"])
    manual = manual_sections()
    common = {"interval_ms": 400, "sample_ms": 0, "retry_max_s": 1, "labels": "rack=a/1"}
    hostd = pushing.hostd(bed, {
        "warp10": {**manual["warp10"], "token_file": token, **common, "url":
                   f"http://127.0.0.1:{WARP10_PORT}{urlsplit(manual['warp10']['url']).path}"},
        "riemann": {**manual["riemann"], "url": f"tcp://127.0.0.1:{RIEMANN_PORT}", **common},
        "stubborn": {**manual["riemann"], "url": f"tcp://127.0.0.1:{STUBBORN_PORT}", **common}})
    seen = {}
    wait_until(lambda: watch(pushing, 0.5, seen) or not any(r.plan for r in receivers.values()),
               "all of the plans happened")
    for receiver in receivers.values():
        receiver.away()
    watch(pushing, 4, seen)
    for name in receivers:
        wait_until(lambda n=name: pushing.pushed("waiting_ticks", n) > 10, "ticks wait")
    for receiver in receivers.values():
        receiver.back()
    for name in receivers:
        wait_until(lambda n=name: pushing.pushed("waiting_ticks", n) < 10, f"{name} is told")
        assert pushing.pushed("failures_total", name) >= 3
    wait_until(lambda: pushing.pushed("delivered_ticks_total", "stubborn"), "it gives in")
    n_refused = pushing.pushed("dropped_ticks_total", "stubborn", reason="refused")
    assert hostd.stop() == 0
    log = hostd.log()
    assert f"Push riemann: not ok: {RiemannReceiver.ERROR}; trying again" in log
    left = ended_with(log)
    ticks = decoded(receivers)
    last = max(len(t.values) for t in ticks.values())
    for name, of_target in ticks.items():
        check(of_target, seen)
        assert len(of_target.values) >= last - left.get(name, 0)
    check_dropped(of_riemann(stubborn).numbers(), n_refused)
    check_end(pushing, hostd, receivers)
    for receiver in (*receivers.values(), stubborn):
        assert not receiver.problems
    for receiver in receivers.values():
        assert receiver.done["refuse"] == receiver.done["close"] == receiver.done["slow"] == 1


def check_dropped(numbers, n_refused):
    """What never was taken is left out, once, and no more than that."""
    assert n_refused > 0
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] == n_refused + 1


def check(ticks, seen):
    numbers = ticks.numbers()
    assert numbers == list(range(1, len(numbers) + 1))
    for at in range(len(numbers)):
        check_adds_up(ticks.energies(at))
    told = [metrics for tick, metrics in seen.items() if tick <= numbers[-1]]
    assert len(told) > 3
    for metrics in told:
        check_scraped(ticks, metrics)
    names = {dict(labels).get("domain") for _, labels in ticks.energies(-1)}
    assert names == {None, HOSTILE, "web1"}


def check_end(pushing, hostd, receivers):
    """When vmpower-hostd has ended, the last that it told is the ledger's. It gives itself
    seconds for that; where a busy machine did not keep them, as the log tells, it begins and
    ends once more."""
    begin, n_ends = 0, 1
    while receivers.keys() & ended_with(hostd.log()[begin:]).keys():
        assert n_ends < ENDS, hostd.log()
        n_ends += 1
        for receiver in receivers.values():
            receiver.taken.clear()
        begin = len(hostd.log())
        hostd.start()
        for name in receivers:
            wait_until(lambda n=name: pushing.pushed("delivered_ticks_total", n),
                       f"{name} is told", 30)
        assert hostd.stop() == 0
    ledger = of_ledger(hostd.state_dir / "ledger")
    for ticks in decoded(receivers).values():
        last = without(ticks.energies(-1), "domain", "package")
        assert {k: uj for k, uj in last.items()
                if k[0] != "vmpower_ended_domains_energy"} == ledger
