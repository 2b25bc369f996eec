"""A Multipath TCP connection in captures: its subflows found by their handshakes, its data by its own numbers.

The options are those of RFC 8684, section 3. A segment's payload has a number on its subflow, and by the
mapping that it carries one of the connection; only the latter tells what is new, so that what was sent
again over another subflow is no goodput.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from emulation import addresses as at
from emulation.capturing import TCP, Seen
from emulation.mptcp import link_of

MASK = 0xFFFF_FFFF  # numbers are told apart by their last 32 bits, as RFC 8684 (section 3.3.1) has it
_END, _NOP, _MPTCP = 0, 1, 30
_CAPABLE, _JOIN, _DSS = 0, 1, 2
_KEY_BYTES = 8
# MP_CAPABLE: lengths of the SYN-ACK's (one key), and from which on it has both keys.
_ONE_KEY, _BOTH_KEYS, _BOTH_AND_DATA = 12, 20, 22
_JOIN_SYN, _JOIN_SYN_ACK = 12, 16
# DSS: flag bits (section 3.3).
_HAS_ACK, _LONG_ACK, _HAS_MAPPING, _LONG_NUMBER = 1, 2, 4, 8


@dataclass
class Subflow:
    """One subflow: its link, and what its two ends count their sequence numbers from."""

    link: int
    first: dict[str, int] = field(default_factory=dict)  # of the SYN, by the host that sent it
    joined: bool = False  # the other end has answered
    # Of the latest mapping of each host: number on the subflow, number of the connection, bytes.
    mapping: dict[str, tuple[int, int, int]] = field(default_factory=dict)


class Connection:
    """One connection.

    Parameters
        ports: of the client and the server on the first subflow
        heard: what the client saw, of all connections
    """

    def __init__(self, ports: tuple[int, int], heard: Iterable[Seen]) -> None:
        self.subflows: dict[tuple[int, int], Subflow] = {ports: Subflow(0)}
        self._ports = ports
        self._keys: dict[str, bytes] = {}
        for seen in heard:
            if seen.protocol == TCP and seen.ports[1] == ports[1]:
                self._learn(seen)

    @property
    def agreed(self) -> bool:
        """Whether both ends speak Multipath TCP; otherwise it is plain TCP on the first subflow."""
        return len(self._keys) == len(at.END_HOSTS)

    @property
    def links(self) -> list[int]:
        """The links that have a subflow whose both ends have agreed."""
        return sorted({subflow.link for subflow in self.subflows.values() if subflow.joined})

    def base(self, host: str) -> int:
        """Return the number of the first byte that a host sends."""
        return (int.from_bytes(hashlib.sha256(self._keys[host]).digest()[-4:], "big") + 1) & MASK

    def number(self, seen: Seen) -> int | None:
        """Return the number of a segment's first payload byte; None if the capture does not tell."""
        subflow = self.subflows[seen.ports]
        place = (seen.sequence - subflow.first.get(seen.source, 0)) & MASK
        for kind, option in _options(seen.options):
            if kind == _CAPABLE and len(option) >= _BOTH_AND_DATA:
                subflow.mapping[seen.source] = (1, self.base(seen.source), seen.payload)
            elif kind == _DSS:
                mapping = _mapping(option)
                if mapping is not None:
                    subflow.mapping[seen.source] = mapping
        known = subflow.mapping.get(seen.source)
        if known is None:
            return None
        begin, number, length = known
        offset = (place - begin) & MASK
        return (number + offset) & MASK if offset < length else None

    def _learn(self, seen: Seen) -> None:
        for kind, option in _options(seen.options):
            if kind == _CAPABLE and seen.ports == self._ports:
                self._learn_keys(seen, option)
            elif kind == _JOIN and seen.syn:
                self._learn_join(seen, option)
        known = self.subflows.get(seen.ports)
        if known is not None and seen.syn:
            known.first[seen.source] = seen.sequence

    def _learn_keys(self, seen: Seen, option: bytes) -> None:
        if seen.syn and len(option) == _ONE_KEY:
            self._keys[at.SERVER] = option[4:12]
            self.subflows[self._ports].joined = True
        elif not seen.syn and len(option) >= _BOTH_KEYS:
            self._keys[at.CLIENT] = option[4 : 4 + _KEY_BYTES]

    def _learn_join(self, seen: Seen, option: bytes) -> None:
        if len(option) == _JOIN_SYN and at.SERVER in self._keys:
            if option[4:8] == hashlib.sha256(self._keys[at.SERVER]).digest()[:4]:  # the token of this connection
                self.subflows.setdefault(seen.ports, Subflow(link_of(option[3])))
        elif len(option) == _JOIN_SYN_ACK and seen.ports in self.subflows:
            self.subflows[seen.ports].joined = True


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (subtype, whole option) of the Multipath TCP options in a TCP header (RFC 9293, section 3.1)."""
    position = 0
    while position + 1 < len(data) and data[position] != _END:
        if data[position] == _NOP:
            position += 1
            continue
        length = data[position + 1]
        if length < 2:
            return
        if data[position] == _MPTCP and length > 2:
            option = data[position : position + length]
            yield option[2] >> 4, option
        position += length


def _mapping(option: bytes) -> tuple[int, int, int] | None:
    """Return a DSS option's (number on the subflow, number of the connection, bytes), or None: it has no mapping."""
    flags = option[3]
    if not flags & _HAS_MAPPING:
        return None
    position = 4
    if flags & _HAS_ACK:
        position += 8 if flags & _LONG_ACK else 4
    width = 8 if flags & _LONG_NUMBER else 4
    number = int.from_bytes(option[position : position + width], "big") & MASK
    position += width
    begin = int.from_bytes(option[position : position + 4], "big")
    length = int.from_bytes(option[position + 4 : position + 6], "big")
    return begin, number, length
