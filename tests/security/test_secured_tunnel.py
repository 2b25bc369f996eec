"""A secured tunnel, end to end: the same traffic, the same sizes, and nothing delivered that was not sent."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from pairing import Pair, data_of
from simulating import build, links, simulate, udp

from mpsim.build import session_epoch
from mpsim.sim import run
from mpsim.tunnel.datagrams import INITIATION, Handshake, Sealed
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import schedulers
from mpsim.tunnel.security.guard import SILENCE

MODES = ["aead", "mac"]
KINDS = {"malformed": 0, "forged": 0, "replayed": 0}


def inner(number: int) -> bytes:
    """An IPv4 and UDP packet of 40 bytes, which ends with its number."""
    return bytes.fromhex("4500002800010000401100000a0000010a0000021389138a00140000") + number.to_bytes(12, "big")


class SealedPair(Pair):
    """Two secured endpoints whose datagrams cross as bytes; what the test adds to `extra` comes in beside them."""

    def __init__(self, *delays: float, mode: str = "aead", **tunnel: object) -> None:
        self.wire: list[tuple[str, int, bytes]] = []  # side that sent, path, bytes
        super().__init__(*delays, tunnel={"mode": mode, **tunnel})

    def _fly(self, side: str, datagram: object) -> None:
        sealed = self.ends[side].seal(datagram)  # type: ignore[arg-type]
        if sealed is None:
            return
        self.wire.append((side, sealed.path, sealed.data))
        super()._fly(side, sealed)  # type: ignore[arg-type]

    def run(self, until: float) -> None:
        for end in self.ends.values():
            end.receive_datagram = self._received(end)  # type: ignore[method-assign]
        super().run(until)

    @staticmethod
    def _received(end: object) -> object:
        def receive(datagram: object, path: int, now: float) -> None:
            if isinstance(datagram, Sealed):
                end.receive_sealed(datagram, now)  # type: ignore[attr-defined]
            else:
                type(end).receive_datagram(end, datagram, path, now)  # type: ignore[attr-defined]

        return receive

    def exchange(self, *numbers: int) -> None:
        """Send packets both ways, one every 5 ms."""
        for number in numbers:
            for side in ("local", "remote"):
                self.ends[side].receive_packet(Packet.from_bytes(inner(number)), self.now)
                self._pump(side)
            self.run(self.now + 0.005)


@pytest.mark.parametrize("mode", MODES)
def test_packets_arrive_within_three_round_trips_of_the_beginning(mode: str) -> None:
    pair = SealedPair(0.01, 0.02, mode=mode)
    pair.local.receive_packet(Packet.from_bytes(inner(0)), 0.0)
    pair.run(0.12)  # one for the keys, one for the probe
    assert pair.payloads("remote") == [inner(0)]
    pair.exchange(*range(1, 60))
    pair.run(pair.now + 0.2)
    assert pair.payloads("remote") == [inner(number) for number in range(60)]
    assert pair.payloads("local") == [inner(number) for number in range(1, 60)]
    assert not pair.local.rejected
    assert not pair.remote.rejected
    assert pair.wire[0][2][0] & 0xF == INITIATION


@pytest.mark.parametrize("who", ["local", "remote"])
def test_either_end_restarts_and_packets_arrive_again_within_two_seconds(who: str) -> None:
    pair = SealedPair(0.01, 0.02)
    pair.run(0.5)
    pair.exchange(*range(20))
    pair.restart(who, epoch=77)
    pair.ends[who].guard._started = 10**9  # type: ignore[union-attr]  # a driver tells the wall clock
    begin = pair.now
    other = "remote" if who == "local" else "local"
    while pair.now < begin + 2.0:
        pair.exchange(1000)
    pair.delivered = {"local": [], "remote": []}
    pair.exchange(*range(100, 140))
    pair.run(pair.now + 0.2)
    assert [number for number in pair.payloads(other) if number != inner(1000)] == [inner(n) for n in range(100, 140)]


@pytest.mark.parametrize("who", ["local", "remote"])
@pytest.mark.parametrize("after", [0.01, 2.0, 4.9])
def test_an_idle_tunnel_is_back_two_seconds_after_a_restart_of_either_end(who: str, after: float) -> None:
    """Whenever the next probe is due: who listens begins by itself, once it is told where the other one was."""
    pair = SealedPair(0.01, 0.02)
    pair.run(20.0 + after)
    probed = len(pair.carried)
    pair.restart(who, epoch=77)
    guard = pair.ends[who].guard
    assert guard is not None
    guard._started, guard.initiates = 10**9, True  # type: ignore[attr-defined]  # a driver tells both
    pair.run(pair.now + 2.0)
    assert len(pair.carried) > probed
    pair.delivered = {"local": [], "remote": []}
    pair.send(inner(1))
    pair.send(inner(2), side="remote")
    pair.run(pair.now + 0.1)
    assert (pair.payloads("remote"), pair.payloads("local")) == ([inner(1)], [inner(2)])


def test_the_alarm_rings_when_the_other_end_has_been_silent_for_long_enough() -> None:
    pair = SealedPair(0.01)
    pair.run(0.5)
    pair.loses = lambda *_: True
    pair.exchange(0)
    asked = pair.now - 0.005
    guard = pair.local.guard
    assert guard is not None
    assert pair.local.next_timeout() <= guard.next_timeout() == pytest.approx(asked + SILENCE)


def test_a_packet_that_came_by_two_paths_is_delivered_once() -> None:
    pair = SealedPair(0.01, 0.02, scheduler="redundant")
    pair.run(0.5)
    pair.exchange(*range(100))
    pair.run(pair.now + 0.2)
    assert pair.payloads("remote") == [inner(number) for number in range(100)]
    assert pair.remote.incoming.duplicates == 100
    assert pair.remote.rejected.total() == 0


@pytest.mark.parametrize("mode", MODES)
def test_noise_forgeries_and_replays_deliver_nothing_and_disturb_nobody(mode: str) -> None:
    random = Random(5)
    pair = SealedPair(0.01, 0.02, mode=mode)
    pair.run(0.5)
    pair.exchange(*range(60))
    pair.run(pair.now + 0.2)
    recorded = [(path, data) for side, path, data in pair.wire if side == "local"]
    for number in range(12_000):
        path, data = recorded[random.randrange(len(recorded))]
        what = number % 4
        if what == 0:
            data = random.randbytes(random.choice((0, 1, 23, 40, 60, 104, 170, 1500)))
        elif what == 1:
            changed = bytearray(data)
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
            data = bytes(changed)
        elif what == 2:
            path = 1 - path
        pair.remote.receive_bytes(data, path, pair.now)
        assert not pair.remote.deliverable
    assert {"forged", "replayed"} <= set(pair.remote.rejected)
    pair.delivered = {"local": [], "remote": []}
    pair.exchange(*range(100, 140))
    pair.run(pair.now + 0.2)
    assert pair.payloads("remote") == pair.payloads("local") == [inner(number) for number in range(100, 140)]


def test_old_datagrams_do_not_pass_after_a_restart_of_the_receiver() -> None:
    pair = SealedPair(0.01, 0.02)
    pair.run(0.5)
    pair.exchange(*range(40))
    recorded = [(path, data) for side, path, data in pair.wire if side == "local"]
    pair.restart("remote", epoch=78)
    pair.delivered = {"local": [], "remote": []}
    for path, data in recorded:
        pair.remote.receive_bytes(data, path, pair.now)
    pair.run(pair.now + 3.0)
    for path, data in recorded:
        pair.remote.receive_bytes(data, path, pair.now)
    pair.run(pair.now + 1.0)
    assert pair.payloads("remote") == []
    pair.exchange(*range(100, 120))
    pair.run(pair.now + 0.5)
    assert pair.payloads("remote") == [inner(number) for number in range(100, 120)]


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_changes_neither_sizes_nor_goodput(mode: str) -> None:
    wires, flow = links("8Mbit", "4Mbit"), udp("9Mbit")
    results = {
        each: simulate(wires, flow, tunnel={"mode": each}, warmup="1s", duration="1s").data for each in ("none", mode)
    }
    goodputs = {each: result["flows"][0]["goodput_bps"] for each, result in results.items()}
    assert goodputs[mode] == pytest.approx(goodputs["none"], rel=0.01)
    assert results[mode]["tunnel"]["rejected"] == KINDS
    again = simulate(wires, flow, tunnel={"mode": mode}, warmup="1s", duration="1s").data
    for result in (again, results[mode]):
        result.pop("wall_s")
    assert again == results[mode]


@pytest.mark.parametrize("transport", ["tcp", "ip"])
def test_other_transports_carry_sealed_datagrams(transport: str, tmp_path: Path) -> None:
    scenario = build(
        links("8Mbit", "8Mbit"),
        udp("2Mbit"),
        tunnel={"mode": "aead", "transport": transport, "repair": ["parity"]},
        warmup="1s",
        duration="1s",
    )
    result = run(scenario, pcap=tmp_path).data
    assert result["flows"][0]["lost_packets"] == 0
    assert result["tunnel"]["rejected"] == KINDS
    assert session_epoch(scenario, "local") != session_epoch(scenario, "remote")


def test_a_handshake_is_a_datagram_of_its_path() -> None:
    pair = SealedPair(0.01)
    pair.run(0.2)
    (first, *_) = [sealed for side, sealed in pair.carried if side == "local"]
    assert isinstance(first, Sealed)
    message = Handshake(0, first.data)
    assert (message.type, message.size) == (INITIATION, len(first.data) + 28)
    assert not data_of(pair.carried, "local")
    assert "redundant" in schedulers.names()


def test_scapy_reads_the_header_of_what_is_sealed_and_no_more() -> None:
    pytest.importorskip("scapy")
    from scapy.packet import Raw

    from emulation.capture import TYPES, MpsimHeader

    pair = SealedPair(0.01)
    pair.run(0.5)
    pair.exchange(0, 1)
    seen = [MpsimHeader(data) for _, _, data in pair.wire]
    assert {"initiation", "response", "probe", "data"} <= {TYPES[header.type] for header in seen}
    for header, (_, _, data) in zip(seen, pair.wire, strict=True):
        assert bytes(header) == data
        assert bool(header.key) is (header.type < INITIATION)
        if header.key:
            assert isinstance(header.payload, Raw)
            assert any(header.tag)
