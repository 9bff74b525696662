# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The distribution's time-series engines on a host, and every point that they keep."""
import http.client
import json
import subprocess
import urllib.parse

from bed import TESTBED
from bed.process import wait_until
from bed.web import Web


def fetch_engines():
    """Where their programs are."""
    r = subprocess.run([TESTBED / "engines"], check=True, capture_output=True, text=True)
    return r.stdout.strip() + "/bin"


class Engine:
    """Keeps its data in directory while it is stopped and started again."""
    port = None
    ready = None  # a path that answers 200 or 204

    def __init__(self, host, directory, programs):
        self.host = host
        self.dir = directory
        self.programs = programs
        self.web = Web(host, self.port)
        self._process = None
        self.start()

    def command(self):
        raise NotImplementedError

    def points(self, names):
        """Of the metrics that the expression matches: {time in ms: {labels: value}}, the
        labels a frozenset of pairs, with the name as __name__."""
        raise NotImplementedError

    def start(self):
        self._process = self.host.spawn(self.command(), self.dir / "log")
        wait_until(self._is_ready, f"{type(self).__name__} answers")

    def _is_ready(self):
        assert self._process.alive(), (self.dir / "log").read_text()
        try:
            return self.web.request(self.ready).status in (200, 204)
        except (OSError, http.client.HTTPException):
            return False

    def stop(self):
        self._process.close()

    close = stop

    def get(self, path, **query):
        answer = self.web.request(f"{path}?{urllib.parse.urlencode(query)}")
        assert answer.status == 200, (answer.status, answer.body)
        return answer.body


def labels_of(metric):
    return frozenset(metric.items())


class Prometheus(Engine):
    port = 19090
    ready = "/-/ready"
    url = f"http://127.0.0.1:{port}/api/v1/write"

    def command(self):
        config = self.dir / "p.yml"
        config.write_text("global: {}\n")
        return [f"{self.programs}/prometheus", f"--config.file={config}",
                f"--storage.tsdb.path={self.dir}/tsdb", "--log.level=warn",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-remote-write-receiver"]

    def now(self, query):
        """What an instant query finds."""
        return json.loads(self.get("/api/v1/query", query=query))["data"]["result"]

    def points(self, names):
        found = {}
        result = json.loads(self.get("/api/v1/query", query=f'{{__name__=~"{names}"}}[1h]'))
        for series in result["data"]["result"]:
            for time_s, value in series["values"]:
                found.setdefault(round(time_s * 1e3), {})[labels_of(series["metric"])] = value
        return found


class VictoriaMetrics(Engine):
    port = 18428
    ready = "/health"
    url = f"http://127.0.0.1:{port}/api/v1/write"

    def command(self):
        return [f"{self.programs}/victoria-metrics", f"-storageDataPath={self.dir}/data",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=1",
                "-search.latencyOffset=0s", "-loggerLevel=WARN"]

    def points(self, names):
        self.get("/internal/force_flush")
        found = {}
        for line in self.get("/api/v1/export",
                             **{"match[]": f'{{__name__=~"{names}"}}'}).splitlines():
            # As decimal digits, which are what is rounded.
            series = json.loads(line, parse_float=str, parse_int=str)
            for time_ms, value in zip(series["timestamps"], series["values"]):
                found.setdefault(int(time_ms), {})[labels_of(series["metric"])] = value
        return found


class Influx(Engine):
    port = 18086
    ready = "/ping"
    url = f"http://127.0.0.1:{port}/write?db=vmpower"

    def command(self):
        config = self.dir / "i.conf"
        config.write_text(f"""reporting-disabled = true
bind-address = "127.0.0.1:18088"
[meta]
dir = "{self.dir}/meta"
[data]
dir = "{self.dir}/data"
wal-dir = "{self.dir}/wal"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
""")
        return [f"{self.programs}/influxd", "run", "-config", config]

    def create_database(self):
        connection = self.web.connection()
        try:
            connection.request("POST", "/query?q=CREATE%20DATABASE%20vmpower")
            assert connection.getresponse().status == 200
        finally:
            connection.close()

    def points(self, names):
        """With values that are {field: value}."""
        found = {}
        result = json.loads(self.get("/query", db="vmpower", epoch="ms",
                                     q=f"SELECT * FROM /{names}/ GROUP BY *"))
        for series in result["results"][0].get("series", []):
            labels = labels_of({**series["tags"], "__name__": series["name"]})
            for row in series["values"]:
                fields = dict(zip(series["columns"], row))
                found.setdefault(fields.pop("time"), {})[labels] = fields
        return found
