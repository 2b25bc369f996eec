"""Calls pass windows: what a sparse class sends leaves at once and twice, and a dense one waits like all."""

from __future__ import annotations

from pairing import Pair, data_of, ready

from mpsim.tunnel.packet import CLASS_EXPEDITED, CLASS_TCP, CLASS_UDP
from mpsim.tunnel.sparse import BURST, Sparse

BULK = 500
CALL = 160


def full() -> Pair:
    """Two ends whose windows are used up by a bulk flow."""
    pair = ready(0.05, 0.08, tunnel={"system": "braid"})
    pair.send(*range(BULK), cls=CLASS_TCP)
    return pair


def left(pair: Pair, cls: int) -> list[int]:
    """The paths by which packets of a class have left so far."""
    return [datagram.path for datagram in data_of(pair.carried, "local") if datagram.cls == cls]


def test_a_call_leaves_at_once_by_both_paths_though_windows_are_full() -> None:
    pair = full()
    assert len(left(pair, CLASS_TCP)) < BULK
    pair.send("call", cls=CLASS_EXPEDITED, size=CALL)
    assert sorted(left(pair, CLASS_EXPEDITED)) == [0, 1]
    pair.run(pair.now + 1.0)
    assert pair.payloads("remote").count("call") == 1


def test_a_dense_class_waits_for_its_turn() -> None:
    pair = full()
    pair.send(*(("udp", number) for number in range(40)), cls=CLASS_UDP)
    assert len(left(pair, CLASS_UDP)) <= 2 * BURST // 1000
    pair.run(pair.now + 5.0)
    assert len([one for one in pair.payloads("remote") if isinstance(one, tuple)]) == 40


def test_what_would_make_a_class_dense_is_known_before_it_leaves() -> None:
    sparse = Sparse(rate=80_000.0)
    assert sparse.allows(CLASS_UDP, 8000, 0.0)
    sparse.note(CLASS_UDP, 8000, 0.0)
    assert not sparse.allows(CLASS_UDP, 1000, 0.05)
    assert sparse.allows(CLASS_UDP, 1000, 0.1)  # 10,000 bytes a second
