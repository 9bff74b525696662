# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Programs that nobody here wrote and that read powercap: how they are called, and what
they say. All are as their makers deliver them."""
import csv
import json
import re
from typing import Callable, NamedTuple

from bed.guest import POWERCAP

# The guest's clock, for which /proc/uptime stands, before and after what is measured.
STAMP = "sed 's/ .*//; s/^/uptime /' /proc/uptime"
SCAPHANDRE = "/opt/scaphandre/bin/scaphandre --no-header"
# Its own tree of files is that of its guest directory; any other is named like this.
SCAPHANDRE_VM = f"SCAPHANDRE_POWERCAP_PATH={POWERCAP} {SCAPHANDRE} --vm"

# What CodeCarbon adds up begins with the end of start(), and ends with the begin of stop().
CODECARBON = """
import time
from codecarbon import OfflineEmissionsTracker
tracker = OfflineEmissionsTracker(country_iso_code="FRA", measure_power_secs=5,
                                  save_to_file=False, log_level="error")
tracker.start()
begin = time.clock_gettime(time.CLOCK_BOOTTIME)
time.sleep({seconds})
end = time.clock_gettime(time.CLOCK_BOOTTIME)
tracker.stop()
print("uptime", begin)
print("joules", tracker.final_emissions_data.cpu_energy * 3.6e6)
print("uptime", end)
"""

PYJOULES = """
import time
from pyJoules.device import DeviceFactory
from pyJoules.energy_meter import EnergyMeter
meter = EnergyMeter(DeviceFactory.create_devices())
meter.start()
print("uptime", time.clock_gettime(time.CLOCK_BOOTTIME))
time.sleep({seconds})
meter.stop()
print("uptime", time.clock_gettime(time.CLOCK_BOOTTIME))
sample = list(meter.get_trace())[0]
for domain, energy in sample.energy.items():
    print(domain, energy / sample.duration)
"""

# It shows watts only to who has measured often on battery. That it counts, and no more.
# It says when it begins to measure, and when it has.
POWERTOP = """
mkdir -p /var/cache/powertop
for i in $(seq 1000); do
    echo 10.0
    echo :
done >/var/cache/powertop/saved_results.powertop
powertop --csv=/tmp/powertop.csv --time={seconds} 2>&1 >/dev/null | while read -r line; do
    case $line in
    Taking*|*outputting*) {stamp} ;;
    esac
done
cat /tmp/powertop.csv
"""

# A program for the terminal, which writes a file besides.
S_TUI = """
TERM=xterm script -qc 's-tui --csv-file /tmp/s-tui.csv' /dev/null >/dev/null & pid=$!
until [ -s /tmp/s-tui.csv ]; do
    usleep 100000
done
{stamp}
sleep {seconds}
{stamp}
kill $pid
cat /tmp/s-tui.csv
"""

# Each of its reports begins like this; the first and the last are some time within.
SCAPHANDRE_STDOUT = """
{scaphandre} stdout --timeout $(({{seconds}} + 10)) --step 5 | while read -r line; do
    case $line in
    Host:*) {{stamp}} ;;
    esac
    echo "$line"
done
"""

# In pminfo's own process, as pmcd would have it; this is what pmcd does at its start.
DENKI = """
cd /var/lib/pcp/pmns && {{ [ -e stdpmid ] || ./Make.stdpmid; }} &&
{stamp} &&
pminfo -n /var/lib/pcp/pmdas/denki/root -L -K clear \\
    -K add,156,/var/lib/pcp/pmdas/denki/pmda_denki.so,denki_init -f denki.rapl.raw 2>/dev/null &&
{stamp}
"""


def scraped(port, query=""):
    return f"wget -q -O - 'http://127.0.0.1:{port}/metrics{query}'"


def powercap_info(text):
    """{zone: microjoules} of "powercap-info -p intel-rapl"."""
    zones, zone = {}, None
    for line in text.splitlines():
        if found := re.fullmatch(r"\s*Zone (\S+)", line):
            zone = f"intel-rapl:{found[1]}"
        elif found := re.fullmatch(r"\s*energy_uj: (\d+)", line):
            zones[zone] = int(found[1])
    return zones


def node_exporter(text):
    """{zone: microjoules} of a page of its metrics."""
    return {zone: float(joules) * 1e6 for zone, joules in re.findall(
        rf'^node_rapl_\w+_joules_total{{.*path="{POWERCAP}/(intel-rapl:[^"]*)".*}} (\S+)$',
        text, re.MULTILINE)}


def uptimes(text):
    """The first and the last of what STAMP printed."""
    times = [float(t) for t in re.findall(r"uptime (\S+)$", text, re.MULTILINE)]
    assert len(times) >= 2, text
    return times[0], times[-1]


def of_package_0(zones):
    return {"package": zones["intel-rapl:0"], "dram": zones["intel-rapl:0:0"]}


def rapl_info(text):
    package, dram = re.findall(r"^\d+$", text, re.MULTILINE)
    return {"package": int(package), "dram": int(dram)}


def denki(text):
    values = dict(re.findall(r'inst \[\d or "([^"]+)"\] value (\d+)', text))
    return {"package": int(values["package-0"]) * 1e6, "dram": int(values["dram"]) * 1e6}


def scaphandre_prometheus(text):
    values = dict(re.findall(r"^scaph_(socket|domain)_energy_microjoules{.*} (\d+)$", text,
                             re.MULTILINE))
    return {"package": int(values["socket"]), "dram": int(values["domain"])}


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def scaphandre_stdout(text):
    rows = re.findall(r"^Socket0\t(\S+) W \|\s+(\S+) W", text, re.MULTILINE)
    return {"package": mean(float(package) for package, _ in rows),
            "dram": mean(float(dram) for _, dram in rows)}


def scaphandre_json(text):
    reports, at = [], text.index("{")
    while at != -1:
        report, end = json.JSONDecoder().raw_decode(text, at)
        reports.append(report)
        at = text.find("{", end)
    sockets = [report["sockets"][0] for report in reports]
    return {"package": mean(socket["consumption"] for socket in sockets) / 1e6,
            "dram": mean(socket["domains"][0]["consumption"] for socket in sockets) / 1e6}


def s_tui(text):
    rows = list(csv.DictReader(text[text.index("Time,"):].splitlines()))
    # The first spans next to no time.
    return {"package": mean(float(row["Power:package-0,0"]) for row in rows[1:]),
            "dram": mean(float(row["Power:dram,0"]) for row in rows[1:])}


def powerstat(text):
    rows = [line.split() for line in text.splitlines()]
    names = next(row for row in rows if row[:1] == ["Time"])
    means = dict(zip(names, next(row for row in rows if row[:1] == ["Average"])))
    return {zone: float(means[column]) for zone, column in
            (("package", "pkg-0"), ("dram", "dram")) if column in means}


def powertop(text):
    return {"dram": float(re.search(r";DRAM;\s*(\S+) W", text)[1])}


def codecarbon(text):
    begin, end = uptimes(text)
    joules = float(re.search(r"^joules (\S+)$", text, re.MULTILINE)[1])
    return {"package": joules / (end - begin)}


def pyjoules(text):
    values = dict(re.findall(r"^(package|dram)_0 (\S+)$", text, re.MULTILINE))
    return {zone: float(microwatts) / 1e6 for zone, microwatts in values.items()}


class Tool(NamedTuple):
    """A program, and how far its last digit or its clock lets it be from the truth."""

    package: str  # the distribution's, or the registry's
    command: str  # with {stamp} and {seconds}
    parse: Callable  # what it printed, by zone: package and dram, or one of them
    seconds: float = 0  # what it takes for a second may be so much of one longer or shorter
    joules: float = 0  # it counts in whole ones of these
    unable: str = ""  # what it prints where it can read nothing, as is known of it


def stamped(command):
    return f"{{stamp}}; {command}; {{stamp}}"


def python(script):
    return f"PYTHONPATH=/opt/python python3 - <<'EOF'\n{script}\nEOF"


# They print microjoules, and are run twice.
COUNTERS = {
    "node_exporter": Tool("prometheus-node-exporter", stamped(scraped(9100, "?collect[]=rapl")),
                          lambda text: of_package_0(node_exporter(text))),
    "powercap-info": Tool("powercap-utils", stamped("powercap-info -p intel-rapl"),
                          lambda text: of_package_0(powercap_info(text))),
    "rapl-info": Tool("powercap-utils", stamped("rapl-info -p 0 -j; rapl-info -p 0 -z 0 -j"),
                      rapl_info),
    "denki": Tool("pcp", DENKI, denki, joules=1),
    "scaphandre prometheus": Tool("scaphandre", stamped(
        f"{scraped(9101)} | grep energy"), scaphandre_prometheus),
    "scaphandre --vm prometheus": Tool("scaphandre", stamped(
        f"{scraped(9102)} | grep energy"), scaphandre_prometheus),
}
# Those of them that wait to be asked, by port.
DAEMONS = {9101: f"{SCAPHANDRE} prometheus --address 127.0.0.1 --port 9101",
           9102: f"{SCAPHANDRE_VM} prometheus --address 127.0.0.1 --port 9102"}

# They print watts, of the time that they run.
METERS = {
    "s-tui": Tool("s-tui", S_TUI, s_tui),
    "powertop": Tool("powertop", POWERTOP, powertop, seconds=1),
    "scaphandre stdout": Tool("scaphandre", SCAPHANDRE_STDOUT.format(
        scaphandre=SCAPHANDRE), scaphandre_stdout),
    "scaphandre --vm stdout": Tool("scaphandre", SCAPHANDRE_STDOUT.format(
        scaphandre=SCAPHANDRE_VM), scaphandre_stdout),
    "scaphandre json": Tool("scaphandre", stamped(
        f"{SCAPHANDRE} json --timeout {{seconds}} --step 5"), scaphandre_json),
    "scaphandre --vm json": Tool("scaphandre", stamped(
        f"{SCAPHANDRE_VM} json --timeout {{seconds}} --step 5"), scaphandre_json),
    "powerstat": Tool("powerstat", stamped("powerstat -D -R -d 0 1 {seconds}"), powerstat,
                      unable="does not have any RAPL domains"),
    "codecarbon": Tool("codecarbon", python(CODECARBON), codecarbon),
    "pyjoules": Tool("pyJoules", python(PYJOULES), pyjoules),
}
