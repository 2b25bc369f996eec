"""Multipath TCP in captures: subflows by their handshakes, payload counted once whichever of them carried it."""

from __future__ import annotations

import hashlib
import itertools
import struct
from pathlib import Path

import pytest
from planning import multipath_tcp
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from emulation import addresses as at
from emulation import joined, mptcp
from emulation.capturing import Seen, read_capture
from emulation.joined import MptcpMeasure, measure_of, path_rows, reports
from emulation.measuring import measure
from emulation.traffic import plan
from mpsim.errors import WorldError

CLIENT_KEY, SERVER_KEY = b"\x01" * 8, b"\x02" * 8
FIRST, JOINED, STRANGER = 16_001, 40_001, 40_002  # ports of the client
SERVER_PORT = 5201
SIZE = 1000
TOKEN = hashlib.sha256(SERVER_KEY).digest()[:4]
BASE = (int.from_bytes(hashlib.sha256(SERVER_KEY).digest()[-4:], "big") + 1) % 2**32
_numbers = itertools.count(1)  # of IP packets
ISN = {FIRST: 1_000_000, JOINED: 2**32 - 1500}  # of the server; the second wraps


def _packet(port: int, sequence: int, option: bytes, *, flags: str = "A", server: bool = True, size: int = 0) -> Packet:
    client = at.end_address(at.CLIENT) if port == FIRST else at.cross_address(at.CLIENT, 1)
    addresses, ports = (client, at.end_address(at.SERVER)), (port, SERVER_PORT)
    if server:
        addresses, ports = addresses[::-1], ports[::-1]
    options = [("NOP", None), ("NOP", None), ("Timestamp", (1, 1)), *([(30, option)] if option else [])]
    header = TCP(sport=ports[0], dport=ports[1], seq=sequence % 2**32, flags=flags, options=options)
    return IP(src=addresses[0], dst=addresses[1], id=next(_numbers)) / header / Raw(bytes(size))


def _handshakes(token: bytes = TOKEN) -> list[Packet]:
    join = b"\x10\x01" + token + bytes(4)
    return [
        _packet(FIRST, 77, b"\x01\x01", flags="S", server=False),
        _packet(FIRST, ISN[FIRST], b"\x01\x01" + SERVER_KEY, flags="SA"),
        _packet(FIRST, 78, b"\x01\x01" + CLIENT_KEY + SERVER_KEY, server=False),
        _packet(JOINED, 99, join, flags="S", server=False),
        _packet(JOINED, ISN[JOINED], b"\x10\x01" + bytes(12), flags="SA"),
    ]


def _data(port: int, place: int, number: int, *, mapped: bool = True, length: int = SIZE) -> Packet:
    """Payload that is number `place` of its subflow and `number` of the connection, both in segments."""
    begin = 1 + place * SIZE
    option = b""
    if mapped:
        # A data acknowledgement of 8 bytes, a number of 8 bytes (RFC 8684, figure 9).
        option = b"\x20\x0f" + bytes(8) + bytes(4) + struct.pack("!IIH", (BASE + number * SIZE) % 2**32, begin, length)
    return _packet(port, ISN[port] + begin, option, size=SIZE)


def _seen(path: Path, packets: list[tuple[float, Packet]]) -> list[Seen]:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 96, 1))
        for when, packet in packets:
            frame = bytes(Ether() / packet)
            file.write(
                struct.pack("<IIII", *divmod(round(when * 1e9), 10**9), len(frame[:96]), len(frame)) + frame[:96]
            )
    return list(read_capture(path, 0.0))


def _measured(tmp_path: Path, opening: list[Packet], sent: list[tuple[float, Packet]], lost: set[int]) -> MptcpMeasure:
    begun = [(0.1, packet) for packet in opening]
    received = [(when + 0.01, packet) for number, (when, packet) in enumerate(sent) if number not in lost]
    seen = {at.SERVER: _seen(tmp_path / "s", begun + sent), at.CLIENT: _seen(tmp_path / "c", begun + received)}
    (found,) = measure(plan(multipath_tcp()), seen, 1.0, 3.0, measure_of)
    assert isinstance(found, MptcpMeasure)
    return found


def test_payload_counts_once_and_in_the_order_of_the_connection(tmp_path: Path) -> None:
    sent = [
        (0.5, _data(FIRST, 0, 0)),  # before the interval
        (1.1, _data(JOINED, 0, 1)),
        (1.2, _data(FIRST, 1, 2)),  # lost
        (1.3, _data(JOINED, 1, 3)),  # its sequence number wraps
        (1.4, _data(JOINED, 2, 2)),  # reinjected
        (1.5, _data(FIRST, 1, 2)),  # and sent again by its own subflow: nothing new
        (1.6, _data(FIRST, 2, 5)),  # 4 never comes
    ]
    found = _measured(tmp_path, _handshakes(), sent, lost={2})
    assert found.delivered == 4 * SIZE
    assert found.goodput == 3 * SIZE * 8 / 2
    row = found.row()
    assert (row["sent_packets"], row["lost_packets"], row["retransmitted_packets"]) == (6, 1, 2)
    assert row["one_way_delay_s"]["p50"] == pytest.approx(0.01, rel=0.01)
    (report,) = reports([found])
    assert report["multipath"]
    assert report["links"] == [0, 1]
    shares = {share["link"]: share for share in report["subflows"]}
    assert [shares[0][key] for key in ("packets", "lost", "retransmitted", "reinjected")] == [3, 1, 1, 0]
    assert [shares[1][key] for key in ("packets", "lost", "retransmitted", "reinjected")] == [3, 0, 0, 1]
    rows = path_rows(multipath_tcp(), [found])
    assert [(path["link"], path["direction"], path["datagrams"]) for path in rows] == [
        ("a", "inbound", 3),
        ("b", "inbound", 3),
    ]
    assert joined.reasons(multipath_tcp(), [report]) == []


def test_a_mapping_may_cover_several_segments(tmp_path: Path) -> None:
    sent = [(1.1, _data(FIRST, 0, 0, length=2 * SIZE)), (1.2, _data(FIRST, 1, 1, mapped=False))]
    assert _measured(tmp_path, _handshakes(), sent, lost=set()).delivered == 2 * SIZE


def test_payload_beyond_its_mapping_is_not_counted(tmp_path: Path) -> None:
    sent = [(1.1, _data(FIRST, 0, 0)), (1.2, _data(FIRST, 1, 1, mapped=False))]
    assert _measured(tmp_path, _handshakes(), sent, lost=set()).delivered == SIZE


def test_a_subflow_of_another_connection_is_not_ours(tmp_path: Path) -> None:
    sent = [(1.1, _data(FIRST, 0, 0)), (1.2, _data(JOINED, 0, 1))]
    found = _measured(tmp_path, _handshakes(token=b"else"), sent, lost=set())
    assert found.delivered == SIZE
    (report,) = reports([found])
    assert joined.reasons(multipath_tcp(), [report]) == ["Multipath TCP: flow tcp1 had subflows over 1 of 2 links"]


def test_a_fall_back_to_plain_tcp_is_measured_and_told(tmp_path: Path) -> None:
    opening = [
        _packet(FIRST, 77, b"\x01\x01", flags="S", server=False),
        _packet(FIRST, ISN[FIRST], b"", flags="SA"),
    ]
    sent = [(1.1, _data(FIRST, 0, 0, mapped=False)), (1.2, _data(FIRST, 1, 1, mapped=False))]
    found = _measured(tmp_path, opening, sent, lost=set())
    assert found.delivered == 2 * SIZE
    (report,) = reports([found])
    assert joined.reasons(multipath_tcp(), [report]) == ["Multipath TCP: flow tcp1 fell back to plain TCP"]


class Recorded:
    """Hosts that only note what they are told, and answer as the kernel does."""

    def __init__(self, limit: int, endpoints: int) -> None:
        self.commands: list[str] = []
        self._answers = {"limits show": f"add_addr_accepted 0 subflows {limit}\n", "endpoint show": "x\n" * endpoints}

    def run(self, host: str, command: object, text: str = "") -> str:
        assert isinstance(command, list)
        said = " ".join(command)
        self.commands.append(f"{host}: {said}")
        return next((answer for end, answer in self._answers.items() if said.endswith(end)), "")


def test_each_further_link_has_an_address_a_route_and_a_subflow() -> None:
    links = [
        {"name": name, "rate": "8Mbit", "delay": "10ms", "metric": metric}
        for name, metric in zip("abc", (0, 0, 5), strict=True)
    ]
    hosts = Recorded(limit=3, endpoints=2)
    mptcp.set_up(hosts, multipath_tcp(link=links))
    assert "client: ip mptcp endpoint add 10.79.1.1 subflow id 1 dev mps-client" in hosts.commands
    assert "client: ip mptcp endpoint add 10.79.2.1 subflow backup id 2 dev mps-client" in hosts.commands
    assert "local: ip rule add from 10.79.2.1 to 10.77.2.0/24 lookup 102" in hosts.commands
    assert "local: ip route add 10.77.2.0/24 via 10.78.2.2 table 102" in hosts.commands
    assert not any(" 10.79.0.1" in command for command in hosts.commands)


@pytest.mark.parametrize("hosts", [Recorded(limit=2, endpoints=0), Recorded(limit=0, endpoints=1)])
def test_what_the_kernel_did_not_take_is_told(hosts: Recorded) -> None:
    with pytest.raises(WorldError, match="subflows"):
        mptcp.set_up(hosts, multipath_tcp())


def test_a_lost_carrier_takes_the_address_away_and_a_silent_loss_does_not() -> None:
    events = [
        {"at": "200ms", "link": "b", "up": False},
        {"at": "500ms", "link": "b", "up": True},
        {"at": "1s", "link": "a", "up": False, "how": "carrier"},
        {"at": "1500ms", "link": "a", "up": True},
    ]
    run = multipath_tcp(event=events)
    found = mptcp.carrier_events(run)
    assert found == [(2.0, 0, False), (2.5 + mptcp.CARRIER_DELAY, 0, True)]
    hosts = Recorded(limit=2, endpoints=1)
    for _, link, up in found:
        mptcp.on_carrier(hosts, run, link, up)
    assert hosts.commands[0] == "client: ip mptcp endpoint delete id 0 10.77.1.2"
    assert (
        hosts.commands[-1] == f"client: ip mptcp endpoint add 10.77.1.2 subflow id {mptcp.FIRST_LINK_ID} dev mps-client"
    )
    assert mptcp.link_of(mptcp.FIRST_LINK_ID) == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"link": [{"name": f"l{number}", "rate": "8Mbit", "delay": "1ms"} for number in range(10)]},
            "9 subflows at most",
        ),
        ({"topology": {"inner": "ipv6"}}, "IPv4"),
        ({"topology": {"single_interface": True}}, "two interfaces"),
    ],
)
def test_what_is_not_emulated_is_refused(changes: dict[str, object], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mptcp, "doctor", lambda: mptcp.Check("Multipath TCP", True, ""))
    with pytest.raises(WorldError, match=why):
        mptcp.require(multipath_tcp(**changes))


def test_a_kernel_without_it_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mptcp, "ENABLED", tmp_path / "missing")
    with pytest.raises(WorldError, match="CONFIG_MPTCP"):
        mptcp.require(multipath_tcp())
    mptcp.require(multipath_tcp(tunnel={}))
