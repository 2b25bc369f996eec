"""Capture files of IP packets, written and read without any other library.

The classic format with nanoseconds: a file header (magic 0xa1b23c4d, version 2.4, link type), then for
each packet seconds, nanoseconds, captured length, original length, bytes. Link type 101 ("raw IP") says
that each packet begins with its IP header, which is what a link of ours carries. Format:
draft-ietf-opsawg-pcap. Scapy, tcpdump and Wireshark read it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

LINKTYPE_RAW = 101
_RAW_TYPES = frozenset({LINKTYPE_RAW, 12, 228, 229})  # 12: what BSDs call raw; 228, 229: one IP version only
_SNAPLEN = 262_144
_FILE_HEADER = "IHHiIII"
_RECORD_HEADER = "IIII"
_NANOSECONDS, _MICROSECONDS = 0xA1B23C4D, 0xA1B2C3D4
_PER_SECOND = {_NANOSECONDS: 1_000_000_000, _MICROSECONDS: 1_000_000}
_RECORD = struct.Struct("<" + _RECORD_HEADER)


class PcapWriter:
    """Writes IP packets to one capture file; `count` of them, in the order given."""

    def __init__(self, path: Path | str) -> None:
        """Create the file; the header is written at once, so that an empty capture is readable too."""
        self.path = Path(path)
        self.count = 0
        self._file: BinaryIO = self.path.open("wb")
        self._file.write(struct.pack("<" + _FILE_HEADER, _NANOSECONDS, 2, 4, 0, 0, _SNAPLEN, LINKTYPE_RAW))

    def write(self, time_s: float, ip_bytes: bytes) -> None:
        """Add one IP packet at a time (s, not negative; in simulation 0 is the beginning of the run)."""
        # The whole seconds apart, because a float has not enough digits for nanoseconds since 1970.
        whole = int(time_s)
        carry, nanoseconds = divmod(round((time_s - whole) * 1e9), 1_000_000_000)
        size = len(ip_bytes)
        self._file.write(_RECORD.pack(whole + carry, nanoseconds, size, size))
        self._file.write(ip_bytes)
        self.count += 1

    def close(self) -> None:
        """Write out what is buffered; may be called again."""
        self._file.close()

    def __enter__(self) -> PcapWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_pcap(path: Path | str) -> Iterator[tuple[float, bytes]]:
    """Yield (time in s, IP packet as captured) of a classic capture of raw IP; raises ValueError, OSError."""
    with Path(path).open("rb") as file:
        order, per_second = _read_file_header(file)
        record = struct.Struct(order + _RECORD_HEADER)
        number = 0
        while head := file.read(record.size):
            number += 1
            if len(head) < record.size:
                raise ValueError(f"packet {number} is cut off")
            seconds, fraction, captured, _ = record.unpack(head)
            if captured > _SNAPLEN:
                raise ValueError(f"packet {number}: max {_SNAPLEN} bytes; given {captured}")
            data = file.read(captured)
            if len(data) < captured:
                raise ValueError(f"packet {number} is cut off")
            yield seconds + fraction / per_second, data


def _read_file_header(file: BinaryIO) -> tuple[str, int]:
    head = file.read(struct.calcsize(_FILE_HEADER))
    for order in "<>":
        if len(head) < struct.calcsize(_FILE_HEADER):
            break
        magic, _, _, _, _, _, linktype = struct.unpack(order + _FILE_HEADER, head)
        if magic in _PER_SECOND:
            # The upper bits may tell of a frame check sequence; they are no part of the type.
            if linktype & 0xFFFF not in _RAW_TYPES:
                raise ValueError(f"link type {LINKTYPE_RAW} (raw IP); given {linktype & 0xFFFF}")
            return order, _PER_SECOND[magic]
    raise ValueError("not a capture file in the classic pcap format")
