"""Which classes are sparse."""

from __future__ import annotations

from mpsim.tunnel.sparse import BURST, HOLD, Sparse


def test_a_call_is_sparse() -> None:
    sparse = Sparse()
    assert all(sparse.note(1, 200, number * 0.02) for number in range(500))


def test_a_bulk_flow_is_not_and_stays_so_for_a_while() -> None:
    sparse = Sparse(rate=256_000)
    told = [sparse.note(1, 1000, number * 0.01) for number in range(300)]  # 800 kbit/s
    # 8000 bytes at first, of which each packet takes 1000 and 10 ms give 320 back.
    assert told.index(False) == BURST // (1000 - 320)
    assert not any(told[12:])
    last = 299 * 0.01
    assert not sparse.note(1, 10, last + HOLD / 2)
    assert sparse.note(1, 10, last + HOLD + 0.1)


def test_classes_are_judged_apart() -> None:
    sparse = Sparse()
    assert not sparse.note(1, 9000, 0.0)
    assert sparse.note(3, 200, 0.0)
