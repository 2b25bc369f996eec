"""From captures to figures: what counts as sent, lost, late, delivered; packets made by Scapy, stored as by tcpdump."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from emulation import addresses as at
from emulation.capturing import Seen, read_capture
from emulation.measuring import FlowMeasure, measure
from emulation.traffic import Plan, plan
from mpsim.scenario import parse

OFFSET = 1_000_000.0  # s: run time zero on the clock that stamps captures
CLIENT_PORT, SERVER_PORT = 16_001, 5201


def _plans(**flow: object) -> list[Plan]:
    return plan(
        parse(
            {
                "schema": 1,
                "name": "measured",
                "warmup": "1s",
                "duration": "2s",
                "tunnel": {},
                "link": [{"name": "a", "rate": "8Mbit", "delay": "10ms"}],
                "flow": [flow],
            }
        )
    )


def _capture(path: Path, packets: list[tuple[float, Packet]]) -> list[Seen]:
    """Write as tcpdump does (nanoseconds, Ethernet, 96 bytes a packet), and read it."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 96, 1))
        for when, packet in packets:
            frame = bytes(Ether() / packet)
            nanoseconds = round((OFFSET + when) * 1e9)
            file.write(struct.pack("<IIII", *divmod(nanoseconds, 10**9), len(frame[:96]), len(frame)) + frame[:96])
    return list(read_capture(path, OFFSET))


def _data(sequence: int, size: int, number: int, *, flags: str = "A") -> Packet:
    ends = IP(src=at.SERVER_ADDRESS, dst=at.CLIENT_ADDRESS, id=number)
    return ends / TCP(sport=SERVER_PORT, dport=CLIENT_PORT, seq=sequence, flags=flags) / Raw(bytes(size))


def _only(flow: dict[str, object], sent: list[Seen], received: list[Seen]) -> FlowMeasure:
    seen = {at.SERVER: sent, at.CLIENT: received}
    if flow.get("direction") == "outbound":
        seen = {at.SERVER: received, at.CLIENT: sent}
    (found,) = measure(_plans(**flow), seen, 1.0, 3.0)
    return found


def test_tcp_counts_retransmissions_losses_order_and_what_is_in_order(tmp_path: Path) -> None:
    # Sequence numbers wrap round within the flow.
    base = 2**32 - 2000
    wrapped = [(base + 1000 * number) % 2**32 for number in range(5)]
    sent = _capture(
        tmp_path / "server",
        [
            (0.5, _data(wrapped[0], 1000, 1)),
            (1.1, _data(wrapped[1], 1000, 2)),  # lost
            (1.2, _data(wrapped[2], 1000, 3)),
            (1.5, _data(wrapped[1], 1000, 4)),  # again
            (1.6, _data(wrapped[3], 1000, 5)),
            (2.9, _data(wrapped[4], 1000, 6)),  # arrives after the interval
        ],
    )
    received = _capture(
        tmp_path / "client",
        [
            (0.6, _data(wrapped[0], 1000, 1)),
            (1.3, _data(wrapped[2], 1000, 3)),
            (1.7, _data(wrapped[1], 1000, 4)),
            (1.8, _data(wrapped[3], 1000, 5)),
            (3.1, _data(wrapped[4], 1000, 6)),
        ],
    )
    flow = _only({"kind": "tcp"}, sent, received)
    row = flow.row()
    assert (row["sent_packets"], row["retransmitted_packets"], row["lost_packets"]) == (5, 1, 1)
    assert row["out_of_order_ratio"] == pytest.approx(1 / 3)
    assert row["goodput_bps"] == 3000 * 8 / 2
    assert row["one_way_delay_s"]["p50"] == pytest.approx(0.2, rel=0.01)
    assert flow.bytes_by(1.6) == 1000  # what came above the hole is not delivered yet
    series = {row[0]: row[4] for row in flow.series() if row[3] == "throughput_bps"}
    assert len(series) == 30
    assert series[1.7] == 2000 * 8 / 0.1
    assert series[1.3] == 0
    arrived = {row[0]: row[4] for row in flow.series() if row[3] == "arrived_bps"}
    assert (arrived[1.3], arrived[1.7]) == (1000 * 8 / 0.1, 1000 * 8 / 0.1)  # as it came, each byte once
    assert sum(arrived.values()) == sum(series.values())


def test_iperf3s_control_connection_and_empty_segments_do_not_count(tmp_path: Path) -> None:
    control = IP(src=at.SERVER_ADDRESS, dst=at.CLIENT_ADDRESS) / TCP(sport=SERVER_PORT, dport=40_000) / Raw(b"json")
    seen = _capture(tmp_path / "any", [(1.5, control), (1.6, _data(1, 0, 1)), (1.7, _data(0, 0, 2, flags="S"))])
    assert _only({"kind": "tcp"}, seen, seen).row()["sent_packets"] == 0


def _numbered(number: int) -> Packet:
    payload = bytes(8) + number.to_bytes(4, "big") + bytes(988)
    ends = IP(src=at.CLIENT_ADDRESS, dst=at.SERVER_ADDRESS)
    return ends / UDP(sport=CLIENT_PORT, dport=SERVER_PORT) / Raw(payload)


def test_udp_losses_go_by_the_time_of_sending(tmp_path: Path) -> None:
    flow = {"kind": "udp", "rate": "1Mbit", "packet_size": 1000, "direction": "outbound"}
    times = [0.9, 1.1, 1.2, 1.3, 2.95]
    sent = _capture(tmp_path / "client", [(when, _numbered(number)) for number, when in enumerate(times)])
    arrived = [(0.95, 0), (1.25, 2), (1.26, 1), (3.05, 4)]  # number 3 never comes
    received = _capture(tmp_path / "server", [(when, _numbered(number)) for when, number in arrived])
    row = _only(flow, sent, received).row()
    assert (row["sent_packets"], row["lost_packets"], row["loss_ratio"]) == (4, 1, 0.25)
    assert row["out_of_order_ratio"] == 0.5
    assert row["goodput_bps"] == 2000 * 8 / 2
    assert row["retransmitted_packets"] is None


def test_ping_counts_requests_of_the_interval(tmp_path: Path) -> None:
    request = IP(src=at.CLIENT_ADDRESS, dst=at.SERVER_ADDRESS)
    answer = IP(src=at.SERVER_ADDRESS, dst=at.CLIENT_ADDRESS)
    packets = [
        (0.98, request / ICMP(type=8, id=1, seq=1)),
        (1.02, answer / ICMP(type=0, id=1, seq=1)),
        (1.50, request / ICMP(type=8, id=1, seq=2)),
        (1.53, answer / ICMP(type=0, id=1, seq=2)),
        (1.60, request / ICMP(type=8, id=2, seq=2)),  # somebody else's
        (2.90, request / ICMP(type=8, id=1, seq=3)),
    ]
    row = _only({"kind": "ping", "direction": "outbound"}, _capture(tmp_path / "client", packets), []).row()
    assert (row["sent_packets"], row["lost_packets"]) == (2, 1)
    assert row["rtt_s"]["p50"] == pytest.approx(0.03)
    assert row["one_way_delay_s"] is None


def test_a_transfer_is_complete_when_its_last_byte_has_come(tmp_path: Path) -> None:
    sent = _capture(tmp_path / "server", [(0.1 * n, _data(1 + 1000 * n, 1000, n + 1)) for n in range(1, 4)])
    received = _capture(tmp_path / "client", [(0.1 * n + 0.05, _data(1 + 1000 * n, 1000, n + 1)) for n in range(1, 4)])
    assert _only({"kind": "tcp", "bytes": "2kB"}, sent, received).row()["completion_s"] == pytest.approx(0.25)
    assert _only({"kind": "tcp", "bytes": "5kB"}, sent, received).row()["completion_s"] is None


def test_a_capture_that_was_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    seen = _capture(tmp_path / "whole", [(1.0, _data(1, 1000, 1)), (1.1, _data(1001, 1000, 2))])
    assert [packet.payload for packet in seen] == [1000, 1000]
    assert [packet.size for packet in seen] == [1040, 1040]
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(data[:-10])
    assert len(list(read_capture(tmp_path / "cut", OFFSET))) == 1
