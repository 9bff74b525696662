# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower label against the real libvirt, and what vmpower-hostd then says of the domain."""
import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bed import TESTBED
from bed.process import wait_until

NOVA = """<nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
<nova:name>web one</nova:name><nova:flavor name="m1.small"/><nova:owner>
<nova:user uuid="0c4b2a6d">ann</nova:user><nova:project uuid="76d1a22f">blue</nova:project>
</nova:owner></nova:instance>"""


@pytest.fixture(scope="module", name="host")
def host_fixture(module_bed):
    """With domains that halt in their firmware: one persistent, one not."""
    host = module_bed.host()
    for name, create in (("web1", ("define",)), ("batch", ("create", "--paused"))):
        xml = subprocess.run([TESTBED / "domain", "-m", "16", name, "/dev/null"],
                             check=True, capture_output=True, text=True).stdout
        xml = re.sub("<kernel>.*</kernel>|<initrd>.*</initrd>|<cmdline>.*</cmdline>", "", xml)
        xml = xml.replace("</name>", f"</name><metadata>{NOVA}</metadata>", 1)
        path = module_bed.directory() / f"{name}.xml"
        path.write_text(xml)
        host.virsh(*create, path)
    host.virsh("start", "web1", "--paused")
    return host


@pytest.fixture(name="label")
def label_fixture(host, build):
    def run(*arguments, check=True):
        return host.run(build / "vmpower", "label", *arguments, check=check)
    return run


NOVA_LABELS = {"instance": "web one", "flavor": "m1.small", "user": "ann", "user_id": "0c4b2a6d",
               "project": "blue", "project_id": "76d1a22f"}


def test_what_nova_says(label):
    assert json.loads(label("--json", "web1").stdout) == NOVA_LABELS
    assert label("batch").stdout == "".join(f"{k}={v}\n" for k, v in sorted(NOVA_LABELS.items()))


def test_both_definitions(host, label):
    out = label("web1", "team=<grid> & \u00e4", "project=shop").stdout
    assert "team=<grid> & " in out and "project=shop\n" in out and "user=ann\n" in out
    for flags in ((), ("--inactive",)):
        xml = host.virsh("dumpxml", "web1", *flags)
        own = ElementTree.fromstring(xml).find("./metadata/{urn:vmpower:domain:1}labels")
        assert {e.get("key"): e.get("value") for e in own} == {
            "team": "<grid> & \u00e4", "project": "shop"}
        assert "<nova:name>web one</nova:name>" in xml
    assert json.loads(label("--json", "web1", "team=", "project=").stdout) == NOVA_LABELS
    for flags in ((), ("--inactive",)):
        assert "urn:vmpower" not in host.virsh("dumpxml", "web1", *flags)


def test_transient(host, label):
    assert "a=1\n" in label("batch", "a=1").stdout
    assert "key='a'" in host.virsh("dumpxml", "batch").replace('"', "'")
    label("batch", "a=")


@pytest.mark.parametrize("change, status, message", (
    ("nothing", 2, "KEY=VALUE is a label"),
    ("9=x", 2, "a key is letters"),
    ("__a=x", 2, "a key is letters"),
))
def test_no_label(label, host, change, status, message):
    before = host.virsh("dumpxml", "web1")
    failed = label("web1", "good=1", change, check=False)
    assert failed.returncode == status and message in failed.stderr
    assert host.virsh("dumpxml", "web1") == before


def test_too_many(label, host):
    before = host.virsh("dumpxml", "web1")
    failed = label("web1", *(f"k{i}={'v' * 250}" for i in range(5)), check=False)
    assert failed.returncode == 2 and "1023 bytes" in failed.stderr
    assert host.virsh("dumpxml", "web1") == before


def test_no_domain(label):
    failed = label("ghost", check=False)
    assert failed.returncode == 1 and "ghost: libvirt knows no such domain" in failed.stderr


def test_hostd_sees_it(bed, host, label):
    """At once, as libvirt tells of a change."""
    hostd = bed.hostd(host, bed.simrapl(host))

    def labels():
        return {d["name"]: d["labels"] for d in hostd.get("/api/v1/domains")["domains"]}
    wait_until(lambda: labels() == {"web1": NOVA_LABELS, "batch": NOVA_LABELS}, "the labels")
    label("web1", "project=shop")
    wait_until(lambda: labels()["web1"] == NOVA_LABELS | {"project": "shop"}, "the new label")
    label("web1", "project=")
    wait_until(lambda: labels()["web1"] == NOVA_LABELS, "that it is gone")


def test_ledger_has_it(bed, host, build, label):
    """In the open hour, while nobody says so again, and whatever became of the daemon."""
    hostd = bed.hostd(host, bed.simrapl(host))
    label("web1", "project=shop")

    def exported():
        out = host.run(build / "vmpower", "ledger", "export", "--state-dir", hostd.state_dir,
                       "--format", "json").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        return {row["name"]: json.loads(row["labels"]) for row in rows
                if row["name"] and row["labels"]}
    expected = {"web1": NOVA_LABELS | {"project": "shop"}, "batch": NOVA_LABELS}
    wait_until(lambda: exported() == expected, "the labels")
    hostd.kill()
    assert exported() == expected
    host.stop_libvirtd()
    hostd.start()
    # libvirt is away: what the ledger says.
    assert {d["name"]: d["labels"] for d in hostd.get("/api/v1/domains")["domains"]} == expected
    assert exported() == expected
    host.start_libvirtd()
    label("web1", "project=")
    wait_until(lambda: exported() == {"web1": NOVA_LABELS, "batch": NOVA_LABELS}, "that it is gone")
