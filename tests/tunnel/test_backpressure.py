"""Backpressure by the receive window: what stands in the acknowledgements that a portal lets pass."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw
from simulating import links, simulate, tcp

from mpsim.tunnel.backpressure import ReceiveWindow
from mpsim.tunnel.inner_tcp import tcp_header
from mpsim.tunnel.packet import Packet

SERVER, CLIENT = "10.0.0.1", "10.0.0.2"
SEGMENT = 1000
FIRST = 5000  # the server's first sequence number


@dataclass
class Paths:
    """The sending half, as numbers: full packets."""

    free: float = 0.0
    rate: float = 0.0
    queued: float = 0.0

    def room(self) -> float:
        return self.free

    def packet_rate(self) -> float:
        return self.rate

    def waiting(self) -> float:
        return self.queued


class Connection:
    """A download through the portal at the server's side.

    Parameters
        scales: window scales that server and client announce; None: without the option
    """

    def __init__(self, paths: Paths, scales: tuple[int | None, int | None] = (7, 7), port: int = 80) -> None:
        self.window = ReceiveWindow(paths)
        self.port = port
        self.scales = scales

    def open(self, now: float = 0.0) -> None:
        server, client = ([] if scale is None else [("WScale", scale)] for scale in self.scales)
        self.window.on_delivery([self._from_client(flags="S", options=client)], now)
        self.window.on_ingress(self._from_server(flags="SA", seq=FIRST - 1, options=server), now)

    def data(self, count: int, now: float = 0.0, at: int = FIRST) -> int:
        """Let so many full segments enter; return the sequence number after them."""
        for number in range(count):
            frame = self._from_server(flags="A", seq=(at + number * SEGMENT) % 2**32, payload=b"x" * SEGMENT)
            self.window.on_ingress(frame, now)
        return at + count * SEGMENT

    def acknowledge(self, ack: int, window: int = 0xFFFF, now: float = 0.0, **fields: object) -> int:
        """Let an acknowledgement pass; return the window in it."""
        packet = self._from_client(**{"flags": "A", "ack": ack % 2**32, "window": window, **fields})
        passing = self.window.on_delivery([packet], now)
        assert passing == [packet]
        header = tcp_header(packet)
        assert header is not None
        return header.window

    def _from_server(self, payload: bytes = b"", **fields: object) -> Packet:
        frame = IP(src=SERVER, dst=CLIENT) / TCP(sport=self.port, dport=9, **fields)
        return Packet.from_bytes(bytes(frame / Raw(payload) if payload else frame))

    def _from_client(self, **fields: object) -> Packet:
        return Packet.from_bytes(bytes(IP(src=CLIENT, dst=SERVER) / TCP(sport=9, dport=self.port, **fields)))


def test_the_edge_is_what_was_seen_and_what_the_paths_take() -> None:
    connection = Connection(Paths(free=20, rate=400, queued=3), scales=(0, 0))
    connection.open()
    end = connection.data(10)
    # 20 packets of room, 10 ms of 400 packets/s are 4, and 3 wait: 21 segments beyond the highest.
    assert connection.acknowledge(end - 6 * SEGMENT) == 27 * SEGMENT


def test_a_scaled_window_is_rounded_up() -> None:
    connection = Connection(Paths(free=21), scales=(0, 7))
    connection.open()
    end = connection.data(10)
    assert connection.acknowledge(end) == -(-21 * SEGMENT // 128)


@pytest.mark.parametrize("scales", [(None, 7), (7, None)])
def test_without_the_option_on_both_sides_windows_are_not_scaled(scales: tuple[int | None, int | None]) -> None:
    connection = Connection(Paths(free=21), scales=scales)
    connection.open()
    assert connection.acknowledge(connection.data(10)) == 21 * SEGMENT


def test_an_announced_edge_is_never_taken_back() -> None:
    paths = Paths(free=30)
    connection = Connection(paths, scales=(0, 0))
    connection.open()
    end = connection.data(10)
    assert connection.acknowledge(end) == 30 * SEGMENT
    paths.free, paths.queued = 0, 50
    assert connection.acknowledge(end + 4 * SEGMENT) == 26 * SEGMENT


def test_a_receivers_own_window_is_never_enlarged() -> None:
    connection = Connection(Paths(free=60), scales=(0, 0))
    connection.open()
    assert connection.acknowledge(connection.data(10), window=700) == 700


def test_two_segments_are_always_allowed() -> None:
    connection = Connection(Paths(queued=100), scales=(0, 0))
    connection.open()
    assert connection.acknowledge(connection.data(10)) == 2 * SEGMENT


def test_a_connection_whose_beginning_was_not_seen_is_left_alone() -> None:
    connection = Connection(Paths())
    assert connection.acknowledge(connection.data(10)) == 0xFFFF


def two(paths: Paths) -> tuple[Connection, Connection]:
    """Return two connections through one portal."""
    connection, other = Connection(paths, scales=(0, 0)), Connection(paths, scales=(0, 0), port=81)
    other.window = connection.window
    connection.open()
    other.open()
    return connection, other


def test_active_flows_share_what_the_paths_take() -> None:
    connection, other = two(Paths(free=20))
    other.data(1, now=1.0)
    end = connection.data(10, now=1.0)
    assert connection.acknowledge(end, now=1.0) == 10 * SEGMENT
    # The other falls silent: its share is free.
    end = connection.data(10, now=3.0, at=end)
    assert connection.acknowledge(end, now=3.0) == 20 * SEGMENT


def test_requests_now_and_then_take_no_share() -> None:
    connection, other = two(Paths(free=20))
    asked = end = FIRST
    for number in range(20):
        now = 0.2 * number
        asked = other.data(1, now, asked)
        other.acknowledge(asked, now=now)
        end = connection.data(10, now, end)
        room = connection.acknowledge(end, now=now)
    assert room == 20 * SEGMENT


def test_sequence_numbers_may_wrap() -> None:
    connection = Connection(Paths(free=20), scales=(0, 0))
    connection.open()
    before_the_end = 2**32 - 3 * SEGMENT
    for at in range(FIRST, before_the_end, 2**30):
        connection.data(1, at=at)
    end = connection.data(10, at=before_the_end)
    assert end > 2**32
    assert connection.acknowledge(end - 4 * SEGMENT) == 24 * SEGMENT


def test_a_distant_sender_is_asked_for_data_a_round_trip_earlier() -> None:
    connection = Connection(Paths(free=1, rate=1000), scales=(0, 0))
    connection.open()
    end = connection.data(10)
    assert connection.acknowledge(end) == 11 * SEGMENT  # room, and 10 ms
    end = connection.data(11, now=0.04, at=end)  # its answer takes 40 ms
    assert connection.acknowledge(end, now=0.05) == 51 * SEGMENT


def test_without_drops_an_inner_flow_keeps_the_ingress_queue_short() -> None:
    options = {"queue": {"size": "1000p"}, "reorder": {"mode": "detect"}, "congestion": "recent-rate"}
    found = {
        backpressure: simulate(links("8Mbit", "8Mbit"), tcp(), tunnel={**options, "backpressure": backpressure})
        for backpressure in ("none", "rwnd")
    }
    free, held = (found[word].data["tunnel"]["in_order_delay_s"]["p95"] for word in ("none", "rwnd"))
    assert held < 0.1 < free
    assert found["rwnd"].aggregation("inbound")["efficiency"] > 0.97
    assert found["rwnd"].flow("tcp")["retransmitted_packets"] == 0


def test_room_without_acknowledgements_is_told_by_the_last_one_again() -> None:
    paths = Paths(free=2)
    connection = Connection(paths, scales=(0, 0))
    connection.open()
    end = connection.data(10)
    assert connection.acknowledge(end - 4 * SEGMENT) == 6 * SEGMENT
    end = connection.data(2, at=end)
    paths.free = 8
    assert connection.window.updates(now=0.001) == []  # an acknowledgement has just passed
    (update,) = connection.window.updates(now=0.02)
    header = tcp_header(update)
    assert header is not None
    assert (header.ack, header.window) == (end - 6 * SEGMENT, 14 * SEGMENT)
    assert connection.window.updates(now=0.04) == []  # told already


def test_room_is_told_to_a_flow_that_could_use_it_only() -> None:
    paths = Paths(free=8)
    connection = Connection(paths, scales=(0, 0))
    connection.open()
    connection.acknowledge(connection.data(10))
    paths.free = 40
    assert connection.window.updates(now=0.02) == []  # 8 segments it was told of are not sent yet


@pytest.mark.parametrize("fields", [{"flags": "AE"}, {"flags": "AP"}, {"options": [("SAck", (9, 10))]}], ids=str)
def test_what_says_more_than_an_acknowledgement_is_not_said_again(fields: dict[str, object]) -> None:
    paths = Paths(free=2)
    connection = Connection(paths, scales=(0, 0))
    connection.open()
    end = connection.data(10)
    connection.acknowledge(end, **fields)
    connection.data(2, at=end)
    paths.free = 8
    assert connection.window.updates(now=0.02) == []
