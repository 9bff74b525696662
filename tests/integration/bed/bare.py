# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Domains without an operating system: up at once, and nearly idle."""
import uuid
from xml.sax.saxutils import escape

# What libvirt lets a tenant choose: quotes, backslashes, braces, no newline, no slash.
HOSTILE = 'a "b\\" } 1 \\n {x="y",} é 😀'

# Halts, wakes at each timer interrupt: sti; hlt; jmp.
BOOT_SECTOR = bytes.fromhex("fbf4ebfc").ljust(510, b"\0") + b"\x55\xaa"

DOMAIN = """<domain type='{type}'><name>{name}</name><uuid>{uuid}</uuid>
<memory unit='MiB'>16</memory><vcpu>{vcpus}</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
<devices><controller type='usb' model='none'/>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/>
<target dev='vda' bus='virtio'/><readonly/></disk>
<channel type='unix'><target type='virtio' name='org.vmpower.0'/></channel>
<memballoon model='none'/></devices></domain>"""


class BareDomains:
    """They end with their host; directory is for their disk and definitions."""

    def __init__(self, host, directory, domain_type, vcpus=1):
        self._host = host
        self._directory = directory
        self._type = domain_type
        self._vcpus = vcpus
        self._disk = directory / "disk.img"
        self._disk.write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))

    def create(self, name):
        """Its UUID."""
        domain = str(uuid.uuid4())
        path = self._directory / f"{domain}.xml"
        path.write_text(DOMAIN.format(type=self._type, name=escape(name), uuid=domain,
                                      vcpus=self._vcpus, disk=self._disk), encoding="utf-8")
        self._host.virsh("create", path)
        return domain
