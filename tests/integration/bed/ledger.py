# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The ledger's file, read as host/ledger_image.h describes it and not by its code."""
import pathlib
import struct
import uuid

COMMIT, HEADER, TABLES = 512, 1024, 4096
ZONES, DOMAINS = 1, 2  # tables; 0 is the header's
ZONE_NAME, DOMAIN_BYTES, GUEST_ZONES = 32, 128 + 8 * (18 + 32), 32
IDLE_STATE = 16
UUID = 16


def _words(data, offset, n):
    return struct.unpack_from(f"<{n}Q", data, offset)


class Ledger:
    """What the last commit says; energies are microjoules.

    zones: {name: {total, unattributed, host: (dynamic, idle), departed: (dynamic, idle)}};
    domains: {uuid: {zone: (dynamic, idle)}}, without those that departed.
    """

    def __init__(self, path):
        self._data = pathlib.Path(path).read_bytes()
        assert self._data[:16] == b"vmpower\x1a" + struct.pack("<Q", 3)
        super_words = _words(self._data, 0, 12)
        self._slots, sizes, self._row_words = super_words[2], super_words[3:7], super_words[7:12]
        commit = _words(self._data, COMMIT, 1)[0]
        self._sequence = commit & 0xffffffff
        assert commit >> 32 == self._sequence ^ 0xffffffff
        self._offsets = [HEADER, TABLES]
        for table in (ZONES, DOMAINS):
            room = sizes[table - 1] * self._slots * self._row_words[table] * 8
            self._offsets.append(self._offsets[-1] + room)
        header = self._row(0, 0)
        self.boottime_ns = _words(self._data, header + 8 + 2 * UUID, 1)[0]
        n_zones, n_domains = _words(self._data, header + 8 + 2 * UUID + 24, 2)
        self.zones = dict(self._zone(i) for i in range(n_zones))
        self.domains = dict(self._domain(i) for i in range(n_domains))

    def _row(self, table, index):
        """Where the fields are of the newest slot that was committed."""
        size = self._row_words[table] * 8
        slots = [self._offsets[table] + (index * self._slots + s) * size
                 for s in range(self._slots)]
        committed = [(_words(self._data, s, 1)[0], s) for s in slots]
        return max(c for c in committed if 0 < c[0] <= self._sequence)[1] + 16

    def _zone(self, index):
        row = self._row(ZONES, index)
        name = self._data[row:row + ZONE_NAME].split(b"\0")[0].decode()
        _range, total, unattributed, dynamic, idle = _words(self._data, row + ZONE_NAME, 5)
        departed = _words(self._data, row + ZONE_NAME + 8 * (7 + IDLE_STATE), 2)
        return name, {"total": total, "unattributed": unattributed, "host": (dynamic, idle),
                      "departed": departed}

    def _domain(self, index):
        row = self._row(DOMAINS, index)
        shares = _words(self._data, row + DOMAIN_BYTES, 2 * len(self.zones))
        return (str(uuid.UUID(bytes=self._data[row:row + UUID])),
                {zone: shares[2 * i:2 * i + 2] for i, zone in enumerate(self.zones)})
