"""The TUN as a portal reads and writes it: packet by packet, or large TCP packets at once where the kernel has them.

With a header of virtio (linux/virtio_net.h; OASIS virtio 1.2, section 5.1.6) before every packet, the kernel neither
cuts a flow's data into packets nor computes their checksums: it leaves both to who reads, as to a network interface,
and takes large packets back. A read or a write, and the kernel's way through TCP and IP, is then for dozens of packets.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from mpsim.headers import IPV4_SIZE
from mpsim.portal.joining import Joined, joined
from mpsim.portal.segmenting import CHECKSUM_AT, segments
from mpsim.portal.sums import ONES, summed

LONGEST_PACKET = 65_535
UDP_CHECKSUM_AT = 6  # in its header

# struct virtio_net_hdr: flags, kind of large packet, bytes of its headers, of payload in each of its packets, where the
# checksum begins to be computed, and where from there it stands. In the machine's byte order (TUNSETVNETLE is not set).
HEAD = struct.Struct("=BBHHHH")
NEEDS_CHECKSUM = 1
LARGE_NONE, LARGE_IPV4, LARGE_IPV6 = 0, 1, 4
_PLAIN = HEAD.pack(0, LARGE_NONE, 0, 0, 0, 0)


class Interface:
    """A TUN without offloads: one packet a read or write.

    Parameters
        descriptor: of the TUN, not blocking
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read(self) -> Sequence[bytes]:
        """Return the next packets, all of one flow; raises OSError."""
        return [os.read(self.descriptor, LONGEST_PACKET)]

    def write(self, packets: Sequence[tuple[object, bytes]]) -> list[OSError]:
        """Write packets, each given with its flow; return what hindered each of those that were not written."""
        return self._write_each([packet for _, packet in packets], b"")

    def _write_each(self, packets: Sequence[bytes], head: bytes) -> list[OSError]:
        errors = []
        for packet in packets:
            try:
                os.write(self.descriptor, head + packet)
            except OSError as error:
                errors.append(error)
        return errors


class OffloadingInterface(Interface):
    """A TUN with a header of virtio before each packet (`open_tun(..., offloads=True)`)."""

    def read(self) -> Sequence[bytes]:
        """Return the next packets: one, or those of a large one; an empty one if it is not understood."""
        data = os.read(self.descriptor, HEAD.size + LONGEST_PACKET)
        if len(data) <= HEAD.size:
            return [b""]
        flags, kind, _, size, start, offset = HEAD.unpack_from(data)
        packet = data[HEAD.size :]
        if kind == LARGE_NONE:
            return [_completed(packet, start, offset) if flags & NEEDS_CHECKSUM else packet]
        try:
            # How long the headers are, TCP's itself says; virtio's is a hint.
            return segments(packet, start, start + (packet[start + 12] >> 4) * 4, size)
        except (ValueError, IndexError):
            return [b""]

    def write(self, packets: Sequence[tuple[object, bytes]]) -> list[OSError]:
        """Write packets, as large ones where some can be joined."""
        errors = []
        for part in joined(packets):
            large = part.large() if len(part.packets) > 1 else None
            if large is None or not self._write_large(part, large):
                errors += self._write_each(part.packets, _PLAIN)
        return errors

    def _write_large(self, part: Joined, large: bytes) -> bool:
        kind = LARGE_IPV4 if part.start == IPV4_SIZE else LARGE_IPV6
        head = HEAD.pack(NEEDS_CHECKSUM, kind, part.header, part.size, part.start, CHECKSUM_AT)
        try:
            os.writev(self.descriptor, (head, large))
        except OSError:  # nobody takes it away fast enough; or one after the other they say why not
            return False
        return True


def _completed(packet: bytes, start: int, offset: int) -> bytes:
    """Return a packet with its checksum, which the kernel has begun with the pseudo-header's."""
    at = start + offset
    if at + 2 > len(packet):
        return packet
    total = -summed(packet[start:]) % ONES
    # In UDP zero would mean that there is none (RFC 768).
    found = total or (ONES if offset == UDP_CHECKSUM_AT else 0)
    return packet[:at] + found.to_bytes(2, "big") + packet[at + 2 :]
