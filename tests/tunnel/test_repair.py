"""Repairs between two ends joined in memory: what is lost comes after all, once, and in order."""

from __future__ import annotations

import struct
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairing import Loses, Pair, data_of, ready

from mpsim.tunnel.packet import CLASS_EXPEDITED, CLASS_UDP, Packet
from mpsim.tunnel.repair.ledger import Ledger
from mpsim.tunnel.repair.outlet import RepairTime
from mpsim.tunnel.repair.recovery import MOST_KEPT
from mpsim.tunnel.wire import FLAG_COPY, FLAG_REPAIR, Data, Datagram, Parity, Skip, decode, encode

DETECT = {"mode": "detect", "timeout": "500ms"}


def stream(pair: Pair, count: int, gap: float = 0.002, size: int = 1000, cls: int = CLASS_UDP) -> None:
    """Send numbered packets, and let everything settle."""
    for number in range(count):
        pair.send(number, size=size, cls=cls)
        pair.run(pair.now + gap)
    pair.run(pair.now + 2.0)


def lose_first(*sequences: int) -> Loses:
    """Lose the first datagram of each of these tunnel sequences of the local end."""
    left = set(sequences)

    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        if side == "local" and isinstance(datagram, Data) and datagram.tunnel_sequence in left:
            left.discard(datagram.tunnel_sequence)
            return True
        return False

    return loses


def at_random(ratio: float, seed: int) -> Loses:
    """Lose a share of the local end's data on every path."""
    random = Random(seed)

    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        return side == "local" and isinstance(datagram, Data) and random.random() < ratio

    return loses


# Retransmission.


@pytest.mark.parametrize("detection", ["rfc9002", "nack"])
def test_what_is_lost_is_sent_again_and_delivered_in_order(detection: str) -> None:
    tunnel = {"repair": ["retransmit"], "loss_detection": detection}
    pair = ready(0.01, 0.01, tunnel=tunnel, loses=lose_first(5, 6, 20))
    stream(pair, 40)
    assert pair.payloads("remote") == list(range(40))
    assert sum(path.retransmitted for path in pair.local.paths) == 3
    assert pair.local.abandoned_packets == 0
    assert not any(isinstance(datagram, Skip) for _, datagram in pair.carried)
    again = [datagram for datagram in data_of(pair.carried, "local") if datagram.flags == FLAG_REPAIR]
    assert [datagram.tunnel_sequence for datagram in again] == [5, 6, 20]
    assert all(path.bytes_in_flight == 0 for path in pair.local.paths)


def test_a_repetition_takes_about_a_round_trip() -> None:
    pair = ready(0.01, tunnel={"repair": ["retransmit"]}, loses=lose_first(5))
    stream(pair, 40, gap=0.001)
    times = {payload: at for at, payload in pair.delivered["remote"]}
    # 10 ms there, three later ones and 10 ms of feedback back, 10 ms there again.
    assert 0.030 < times[5] - 1.005 < 0.042


def test_a_lost_repetition_is_repeated_until_it_is_too_old() -> None:
    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        return side == "local" and isinstance(datagram, Data) and datagram.tunnel_sequence == 5

    tunnel = {"repair": [{"name": "retransmit", "budget": 0.2}], "reorder": {"mode": "timeout", "timeout": "10s"}}
    pair = ready(0.01, tunnel=tunnel, loses=loses)
    stream(pair, 400, gap=0.001)
    tries = [datagram for datagram in data_of(pair.carried, "local") if datagram.tunnel_sequence == 5]
    assert 5 <= len(tries) <= 10  # one each 30 ms
    assert tries[-1].sent_us - tries[0].sent_us <= 200_000
    assert pair.payloads("remote") == [number for number in range(400) if number != 5]
    assert pair.local.abandoned_packets == 1  # and announced: the other end does not wait for ten seconds
    assert pair.now < 4


def test_the_budget_is_the_other_ends_patience() -> None:
    pair = ready(0.06, tunnel={"repair": ["retransmit"], "reorder": {"mode": "timeout", "timeout": "100ms"}})
    assert pair.local.repairs.patience() == pytest.approx(0.1)
    pair = ready(0.06, tunnel={"repair": ["retransmit"], "reorder": {"mode": "detect", "timeout": "100ms"}})
    assert pair.local.repairs.patience() == pytest.approx(RepairTime.ROUND_TRIPS * 0.12, rel=0.05)


def test_repetitions_go_before_what_waits() -> None:
    pair = ready(0.01, tunnel={"repair": ["retransmit"], "congestion": "newreno"}, loses=lose_first(0))
    pair.send(*range(100))
    pair.run(pair.now + 1.0)
    sent = [datagram.tunnel_sequence for datagram in data_of(pair.carried, "local")]
    assert sent.index(0, 1) < 40
    assert pair.payloads("remote") == list(range(100))


@given(
    ratio=st.floats(0.0, 0.2), seed=st.integers(0, 10**6), delays=st.tuples(*[st.sampled_from([0.005, 0.02, 0.05])] * 2)
)
@settings(max_examples=15, deadline=None)
def test_no_random_loss_is_left_and_nothing_comes_twice(ratio: float, seed: int, delays: tuple[float, float]) -> None:
    tunnel = {"repair": [{"name": "retransmit", "budget": 1.5}], "reorder": {"mode": "timeout", "timeout": "3s"}}
    pair = ready(*delays, tunnel=tunnel, loses=at_random(ratio, seed))
    stream(pair, 150, gap=0.001)
    pair.run(pair.now + 2.0)
    assert pair.payloads("remote") == list(range(150))


# Copies.


def test_one_lost_copy_is_no_loss() -> None:
    tunnel = {"scheduler": "redundant", "congestion": "none", "reorder": {"mode": "timeout", "timeout": "5s"}}

    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        return side == "local" and path == 0 and isinstance(datagram, Data)

    pair = ready(0.01, 0.04, tunnel=tunnel, loses=loses)
    stream(pair, 40)
    assert pair.payloads("remote") == list(range(40))
    assert pair.local.abandoned_packets == 0
    assert not any(isinstance(datagram, Skip) for _, datagram in pair.carried)
    assert not pair.local.repairs.ledger.entries


def test_the_ledger_counts_copies_to_their_end() -> None:
    ledger = Ledger()
    ledger.expect(0, 7, 3)
    assert ledger.on_lost(0, 7)
    assert ledger.on_lost(0, 7)
    assert not ledger.on_lost(0, 7)  # the last one, and none has arrived
    assert not ledger.entries
    ledger.add(0, 8)
    ledger.on_acked([Data(1, 0, 0, 0, 0, 8, Packet(100, "flow", None))])
    assert ledger.has_arrived(0, 8)
    assert ledger.on_lost(0, 8)
    assert not ledger.entries


def test_a_class_is_duplicated_by_another_path() -> None:
    pair = ready(0.01, 0.012, tunnel={"repair": ["duplicate"]}, loses=lose_first(*range(0, 40, 3)))
    stream(pair, 40, size=200, cls=CLASS_EXPEDITED)
    sent = data_of(pair.carried, "local")
    paths = {number: {datagram.path for datagram in sent if datagram.tunnel_sequence == number} for number in range(40)}
    assert all(used == {0, 1} for used in paths.values())
    assert pair.payloads("remote") == list(range(40))
    assert pair.remote.incoming.duplicates == 40 - len(range(0, 40, 3))
    assert pair.local.abandoned_packets == 0


@pytest.mark.parametrize(("share", "copies"), [(0.25, 10), (0.0, 0), (1.0, 40)])
def test_a_share_is_duplicated_evenly(share: float, copies: int) -> None:
    pair = ready(0.01, 0.012, tunnel={"repair": [{"name": "duplicate", "classes": ["udp"], "share": share}]})
    stream(pair, 40, size=200)
    assert sum(bool(datagram.flags & FLAG_COPY) for datagram in data_of(pair.carried, "local")) == copies
    assert pair.payloads("remote") == list(range(40))


def test_a_class_that_sends_much_is_no_longer_duplicated() -> None:
    pair = ready(0.01, 0.012, tunnel={"repair": [{"name": "duplicate", "classes": ["udp"], "most": 8000.0}]})
    stream(pair, 80, size=200)  # 8000 bytes are tokens, and 16 000 are sent
    assert 39 <= sum(bool(datagram.flags & FLAG_COPY) for datagram in data_of(pair.carried, "local")) <= 41


def test_other_classes_are_left_alone_and_a_single_path_too() -> None:
    pair = ready(0.01, 0.012, tunnel={"repair": ["duplicate"]})
    stream(pair, 20)
    assert len(data_of(pair.carried, "local")) == 20
    pair = ready(0.01, tunnel={"repair": [{"name": "duplicate", "classes": []}]})
    stream(pair, 20)
    assert len(data_of(pair.carried, "local")) == 20


# Reinjection.


def cut(path: int, at: float) -> Loses:
    """Let a path of both ends carry nothing from a time on."""
    pairs: list[Pair] = []

    def loses(side: str, index: int, datagram: Datagram, count: int) -> bool:
        return index == path and pairs[0].now >= at

    loses.pairs = pairs  # type: ignore[attr-defined]
    return loses


def lose_path(repair: list[Any], timeout: str = "1s") -> Pair:
    """Send for half a second, while one of two paths falls silent."""
    loses = cut(0, 1.1)
    pair = Pair(0.01, 0.01, tunnel={"repair": repair, "reorder": {"mode": "timeout", "timeout": timeout}}, loses=loses)
    loses.pairs.append(pair)  # type: ignore[attr-defined]
    pair.run(1.0)
    stream(pair, 250)
    return pair


def test_what_waits_on_a_silent_path_goes_over_the_other() -> None:
    plain, repaired = lose_path([]), lose_path(["reinject"])
    assert plain.local.abandoned_packets > 0
    assert repaired.payloads("remote") == list(range(250))
    assert repaired.local.abandoned_packets == 0
    swallowed = [datagram for datagram in data_of(repaired.carried, "local") if datagram.path == 0]
    swallowed = [datagram for datagram in swallowed if datagram.sent_us >= 1_100_000]
    # And those that had arrived, but whose feedback was swallowed too.
    assert repaired.local.paths[1].reinjected == len(swallowed) + repaired.remote.incoming.duplicates
    assert len(swallowed) > 5
    assert repaired.local.paths[0].reinjected == 0
    arrivals = [at for at, _ in repaired.delivered["remote"]]
    longest = max(later - sooner for sooner, later in pairwise(arrivals))
    # The last answer before the silence, 50 ms of it, the packet's own age, and the way over the other path.
    assert longest < 0.11
    assert not repaired.local.repairs.ledger.entries


def test_each_packet_is_reinjected_once() -> None:
    pair = lose_path(["reinject"])
    again = [datagram for datagram in data_of(pair.carried, "local") if datagram.flags == FLAG_COPY | FLAG_REPAIR]
    assert len({datagram.tunnel_sequence for datagram in again}) == len(again) > 0


def test_the_deadline_rule_copies_what_is_late_on_a_path_that_answers() -> None:
    # 1.1 * 20 ms, as xquic has it: everything on the path of 100 ms is late, nothing on that of 20 ms.
    tunnel = {
        "scheduler": "round-robin",
        "congestion": "none",
        "repair": [{"name": "reinject", "rule": "deadline"}],
    }
    pair = ready(0.01, 0.05, tunnel=tunnel)
    stream(pair, 100, gap=0.001)
    copies = [datagram for datagram in data_of(pair.carried, "local") if datagram.flags & FLAG_COPY]
    assert {datagram.path for datagram in copies} == {0}
    assert len(copies) == 50
    times = {payload: at for at, payload in pair.delivered["remote"]}
    assert max(times[number] - (1.0 + 0.001 * number) for number in range(100)) < 0.022 + 0.010 + 0.010 + 0.002
    assert pair.payloads("remote") == list(range(100))


def test_nothing_is_reinjected_on_paths_that_answer() -> None:
    pair = ready(0.01, 0.03, tunnel={"repair": ["reinject"]})
    stream(pair, 200)
    assert sum(path.reinjected for path in pair.local.paths) == 0
    assert pair.steps < 3000  # and its clock does not run hot


# Parity.


@pytest.mark.parametrize(("packets", "parity"), [(8, 1), (4, 2), (10, 3)])
def test_parity_fills_in_what_is_lost(packets: int, parity: int) -> None:
    lost = [number for number in range(40) if number % packets < parity]
    repair = [{"name": "parity", "packets": packets, "parity": parity}]
    pair = ready(0.01, 0.03, tunnel={"repair": repair}, loses=lose_first(*lost))
    stream(pair, 40, gap=0.001)
    assert pair.payloads("remote") == list(range(40))
    assert pair.remote.incoming.recovered_packets == len(lost)
    sent = data_of(pair.carried, "local")
    assert sum(isinstance(datagram, Parity) for datagram in sent) == 40 // packets * parity
    assert all(path.bytes_in_flight == 0 for path in pair.local.paths)


def test_one_loss_more_than_there_is_parity_is_a_loss() -> None:
    pair = ready(0.01, 0.03, tunnel={"repair": ["parity"]}, loses=lose_first(1, 2, 12))
    stream(pair, 40, gap=0.001)
    assert pair.payloads("remote") == [number for number in range(40) if number not in {1, 2}]
    assert pair.local.abandoned_packets == 3  # of which the other end has computed one


def test_a_slow_stream_is_protected_in_smaller_blocks() -> None:
    pair = ready(0.01, 0.03, tunnel={"repair": [{"name": "parity", "wait": 0.02}]}, loses=lose_first(*range(10)))
    stream(pair, 10, gap=0.1)
    assert pair.payloads("remote") == list(range(10))
    blocks = [datagram.block for datagram in data_of(pair.carried, "local") if isinstance(datagram, Parity)]
    assert blocks == [1] * 10


class RealPair(Pair):
    """A pair whose datagrams are bytes on their way."""

    def _fly(self, side: str, datagram: Datagram) -> None:
        super()._fly(side, decode(encode(datagram)))


def real_packet(number: int) -> bytes:
    """A UDP packet of a length of its own that nobody can guess."""
    random = Random(number)
    size = random.randrange(60, 1400)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, number, 0, 64, 17, 0)
    return head + random.randbytes(size - len(head))


@pytest.mark.parametrize(
    "repair",
    [["parity"], [{"name": "parity", "packets": 5, "parity": 2}], ["parity", "retransmit", "reinject"]],
    ids=str,
)
def test_real_packets_are_computed_from_real_parity(repair: list[Any]) -> None:
    tunnel = {"repair": repair, "reorder": {"mode": "timeout", "timeout": "500ms"}}
    pair = RealPair(0.01, 0.02, tunnel=tunnel, loses=lose_first(*range(3, 200, 10)))
    pair.run(1.0)
    packets = [real_packet(number) for number in range(200)]
    for packet in packets:
        pair.local.receive_packet(Packet.from_bytes(packet), pair.now)
        pair._pump("local")
        pair.run(pair.now + 0.002)
    pair.run(pair.now + 2.0)
    assert pair.payloads("remote") == packets
    assert pair.remote.incoming.recovered_packets > 0
    assert not pair.remote.rejected


def test_what_is_kept_for_parity_does_not_grow_with_what_is_recovered() -> None:
    pair = RealPair(0.01, tunnel={"repair": [{"name": "parity", "packets": 5, "parity": 2}]}, loses=at_random(0.05, 1))
    pair.run(1.0)
    for number in range(2600):
        pair.local.receive_packet(Packet.from_bytes(real_packet(number)), pair.now)
        pair._pump("local")
        pair.run(pair.now + 0.002)
    assert pair.remote.incoming.recovered_packets > 50
    assert [len(one._kept) for one in pair.remote.incoming._recoveries.values()] == [MOST_KEPT]


@given(ratio=st.floats(0.0, 0.2), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_everything_at_once_delivers_nothing_twice(ratio: float, seed: int) -> None:
    repair = ["retransmit", "reinject", {"name": "duplicate", "classes": [], "share": 0.3}, "parity"]
    pair = ready(0.005, 0.04, tunnel={"repair": repair, "reorder": DETECT}, loses=at_random(ratio, seed))
    stream(pair, 150, gap=0.001)
    payloads = pair.payloads("remote")
    assert len(set(payloads)) == len(payloads)
    in_order = sum(later > sooner for sooner, later in pairwise(payloads))
    assert in_order >= len(payloads) - 1 - pair.remote.incoming.reorder[CLASS_UDP].late
    assert len(payloads) >= 140
