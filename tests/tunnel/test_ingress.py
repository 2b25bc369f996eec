"""The ingress queue: classes share by deficit round robin, and a drop leaves no hole."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.ingress import QUANTUM, Ingress
from mpsim.tunnel.packet import CLASS_EXPEDITED, CLASS_TCP, CLASS_UDP, Packet


def packet(size: int, cls: int = CLASS_TCP) -> Packet:
    return Packet(size, f"flow {cls}", None, cls=cls)


def take(ingress: Ingress) -> tuple[int, int, int]:
    """Take the packet whose turn it is: class, number, size."""
    queue = ingress.turn()
    cls = queue.cls
    taken, sequence = ingress.take(queue)
    return cls, sequence, taken.size


def test_one_class_is_first_in_first_out() -> None:
    ingress = Ingress(packets=10)
    for size in (100, 1500, 40):
        assert ingress.append(packet(size), 0.5)
    assert ingress.backlog() == 1640
    assert [take(ingress) for _ in range(3)] == [(0, 0, 100), (0, 1, 1500), (0, 2, 40)]
    assert not ingress.active
    assert ingress.backlog() == 0


def test_a_full_queue_drops_and_leaves_no_hole() -> None:
    ingress = Ingress(packets=2)
    assert [ingress.append(packet(size), 0.0) for size in (1, 2, 3)] == [True, True, False]
    assert ingress.drops == 1
    take(ingress)
    assert ingress.append(packet(4), 0.0)
    assert [take(ingress) for _ in range(2)] == [(0, 1, 2), (0, 2, 4)]


def test_a_limit_in_bytes() -> None:
    ingress = Ingress(bytes=3000)
    assert [ingress.append(packet(size), 0.0) for size in (1500, 1400, 101, 100)] == [True, True, False, True]


def test_one_class_for_everything_if_asked_for() -> None:
    ingress = Ingress(packets=10, single=True)
    ingress.append(packet(100, CLASS_TCP), 0.0)
    ingress.append(packet(200, CLASS_UDP), 0.0)
    assert [take(ingress) for _ in range(2)] == [(0, 0, 100), (0, 1, 200)]


def test_each_class_has_its_own_limit_and_numbers() -> None:
    ingress = Ingress(packets=1)
    for cls in (CLASS_TCP, CLASS_UDP):
        assert ingress.append(packet(100, cls), 0.0)
        assert not ingress.append(packet(100, cls), 0.0)
    assert {take(ingress) for _ in range(2)} == {(CLASS_TCP, 0, 100), (CLASS_UDP, 0, 100)}


@pytest.mark.parametrize("sizes", [(1500, 1500), (1500, 100), (1400, 300), (40, 1000)])
def test_classes_with_a_backlog_send_equal_bytes(sizes: tuple[int, int]) -> None:
    ingress = Ingress()
    for cls, size in enumerate(sizes):
        for _ in range(200 * 1500 // size):
            ingress.append(packet(size, cls), 0.0)
    sent: Counter[int] = Counter()
    while len(ingress.active) == 2:
        cls, _, size = take(ingress)
        sent[cls] += size
        if min(sent.values()) > 20 * QUANTUM:
            # Shreedhar and Varghese, lemma 2: never apart by more than a quantum and a packet each way.
            assert abs(sent[0] - sent[1]) <= QUANTUM + 2 * max(sizes)
    assert min(sent.values()) > 100 * QUANTUM


def test_a_call_waits_for_little_of_a_bulk_flow() -> None:
    ingress = Ingress()
    for _ in range(100):
        ingress.append(packet(1500), 0.0)
    for _ in range(10):
        ingress.append(packet(200, CLASS_EXPEDITED), 0.0)
        before = 0
        while take(ingress)[0] != CLASS_EXPEDITED:
            before += 1
        assert before <= 2


def test_looking_does_not_take() -> None:
    ingress = Ingress()
    assert ingress.peek(0) is None
    first, second = packet(100), packet(200)
    ingress.append(first, 0.0)
    ingress.append(second, 0.0)
    assert (ingress.peek(0), ingress.peek(1), ingress.peek(2)) == (first, second, None)
    assert take(ingress) == (0, 0, 100)


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(40, 1500))), max_size=150))
def test_numbers_of_each_class_are_contiguous(steps: list[tuple[int, int] | None]) -> None:
    ingress = Ingress(packets=5)
    seen: dict[int, int] = {}
    waiting = 0
    for step in steps:
        if step is not None:
            waiting += step[1] if ingress.append(packet(step[1], step[0]), 0.0) else 0
        elif ingress.active:
            cls, sequence, size = take(ingress)
            assert sequence == seen.get(cls, -1) + 1
            seen[cls] = sequence
            waiting -= size
        assert ingress.backlog() == waiting
