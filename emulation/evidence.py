"""What captures prove: a packet carries the same addresses at the client and at the server, so no NAT is on its way.

`mpsim emulate --pcap` writes client.pcap and server.pcap, what tcpdump saw at the two hosts (headers only).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import PcapReader

CLIENT_CAPTURE, SERVER_CAPTURE = "client.pcap", "server.pcap"
# Scapy needs about 0.2 ms a packet; the first few thousand hold every flow of a run.
MOST_PACKETS = 3000

Pair = tuple[str, str]  # source and destination address


@dataclass(frozen=True)
class SameAddresses:
    """What two captures have in common.

    same: every packet that was recognised at both ends has the same source and destination at both
    pairs: (source, destination) of those packets, and how many there were
    changed: packets that were recognised at both ends and do not: (pair at the client, pair at the server)
    """

    same: bool
    pairs: dict[Pair, int]
    changed: tuple[tuple[Pair, Pair], ...]


def same_addresses(pcap_client: Path, pcap_server: Path, *, most: int = MOST_PACKETS) -> SameAddresses:
    """Look for TCP segments in both captures and compare their addresses.

    A segment is recognised by what no NAT touches: sequence and acknowledgement numbers, timestamps, length.
    Its addresses and ports are what is compared. most: packets read of each capture.
    """
    at_client = dict(_segments(pcap_client, most))
    pairs: Counter[Pair] = Counter()
    changed = []
    for mark, there in _segments(pcap_server, most):
        here = at_client.get(mark)
        if here is None:
            continue
        if here == there:
            pairs[there[:2]] += 1
        else:
            changed.append((here[:2], there[:2]))
    return SameAddresses(bool(pairs) and not changed, dict(pairs), tuple(changed))


def _segments(path: Path, most: int) -> Iterator[tuple[tuple[object, ...], tuple[str, str, int, int]]]:
    """Yield of each TCP segment what tells it from all others, and its addresses and ports."""
    with PcapReader(str(path)) as reader:
        for number, frame in enumerate(reader):
            if number >= most:
                return
            outer = frame.getlayer(IP) or frame.getlayer(IPv6)
            if not isinstance(frame, Ether) or outer is None or not outer.haslayer(TCP):
                continue
            segment = outer[TCP]
            # The lengths of IP are those on the wire; of the segment only its beginning was captured.
            length = outer.len if outer.version == 4 else outer.plen
            times = next((value for name, value in segment.options if name == "Timestamp"), None)
            mark = (segment.seq, segment.ack, int(segment.flags), length, times)
            yield mark, (outer.src, outer.dst, segment.sport, segment.dport)
