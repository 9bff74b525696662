# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A host whose vmpower-hostd pushes, and what its ticks are to be at the other end."""
import configparser
import re
import time

from bed import TESTS
from bed.bare import HOSTILE, BareDomains
from bed.web import Web

PORT = 9846
INTERVAL_MS = 200


class Pushing:
    """A host with packages, dram and two domains."""

    def __init__(self, bed, domain_type):
        self.host = bed.host()
        self.sim = bed.simrapl(self.host, idle_w=10, busy_w=40)
        self.domains = BareDomains(self.host, bed.directory(), domain_type)
        for name in (HOSTILE, "web1"):
            self.domains.create(name)
        self.web = Web(self.host, PORT)

    def hostd(self, bed, sections, *flags):
        """sections: {name: {key: value}} of [push "name"]; the test's."""
        config = bed.directory() / "hostd.conf"
        config.write_text("".join(
            f'[push "{name}"]\n' + "".join(f"{k} = {v}\n" for k, v in keys.items())
            for name, keys in sections.items()))
        return bed.hostd(self.host, self.sim, "--interval-ms", INTERVAL_MS,
                         "--config", config, *flags)

    def pushed(self, what, target, **labels):
        return int(self.web.metrics().value(f"vmpower_push_{what}", target=target, **labels))


def manual_sections():
    """The examples of vmpower-hostd(8), as Pushing.hostd() takes them."""
    manual = (TESTS.parent / "host/vmpower-hostd.8").read_text()
    examples = re.findall(r'^\.Bd [^\n]*\n(\[push ".+?)^\.Ed$', manual, re.M | re.S)
    sections = {}
    for example in examples:
        config = configparser.ConfigParser()
        config.read_string(example)
        sections.update({s.split('"')[1]: dict(config[s]) for s in config.sections()})
    return sections


def ended_with(log):
    """Ticks that were not delivered when vmpower-hostd ended, by target."""
    return {name: int(n) for name, n in
            re.findall(r"Push (\S+): ended with (\d+) ticks not delivered", log)}


def check_adds_up(of_tick):
    sums = {}
    for (name, labels), uj in of_tick.items():
        zone = sums.setdefault(dict(labels)["zone"], [0, 0])
        zone[name == "vmpower_zone_energy"] += uj
    for zone, (parts, total) in sums.items():
        assert parts == total, zone


def scraped(metrics):
    """The same of what /metrics says."""
    return {(name.removesuffix("_joules_total"),
             frozenset((k, v) for k, v in labels.items() if v != "")): round(float(value) * 1e6)
            for name, samples in metrics.samples.items()
            if name.endswith("_energy_joules_total")
            for labels, value in samples}


def watch(pushing, seconds, seen):
    """What is scraped meanwhile, by tick."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        metrics = pushing.web.metrics()
        seen[metrics.tick] = metrics
        time.sleep(0.2)
