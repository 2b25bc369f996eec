"""FQ-CoDel's queues (RFC 8290): shares, sparse flows, the longest queue that pays."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.fq_codel import FqCodel
from mpsim.tunnel.ingress import QUANTUM
from mpsim.tunnel.packet import CLASS_TCP, CLASS_UDP, Packet


def ingress(**more: int | bool) -> FqCodel:
    return FqCodel(target=0.005, interval=0.1, **more)  # type: ignore[arg-type]


def put(queues: FqCodel, flow: object, size: int = 1500, cls: int = CLASS_TCP, count: int = 1) -> bool:
    return [queues.append(Packet(size, flow, flow, cls=cls), 0.0) for _ in range(count)][-1]


def take(queues: FqCodel) -> object:
    return queues.take(queues.turn())[0].flow


def test_a_new_flow_goes_first_with_one_quantum() -> None:
    queues = ingress()
    put(queues, "bulk", count=10)
    assert take(queues) == "bulk"
    put(queues, "dns", size=100)
    put(queues, "other", count=3)
    assert [take(queues) for _ in range(5)] == ["dns", "other", "bulk", "other", "bulk"]


def test_a_flow_that_comes_again_at_once_is_not_new_twice() -> None:
    queues = ingress()
    put(queues, "bulk", count=10)
    take(queues)  # its quantum: from now on it is an old flow
    put(queues, "ping", size=100)
    assert take(queues) == "ping"
    put(queues, "ping", size=100)  # behind the old ones, which have not had their turn yet
    assert [take(queues) for _ in range(2)] == ["bulk", "ping"]


@pytest.mark.parametrize("sizes", [(1500, 1500), (1500, 100), (1400, 300), (40, 1000)])
def test_flows_with_a_backlog_send_equal_bytes(sizes: tuple[int, int]) -> None:
    queues = ingress()
    for flow, size in enumerate(sizes):
        put(queues, flow, size=size, count=100 * QUANTUM // size)
    sent: Counter[int] = Counter()
    while max(sent.values(), default=0) < 95 * QUANTUM:
        packet, _ = queues.take(queues.turn())
        assert isinstance(packet.flow, int)
        sent[packet.flow] += packet.size
        assert abs(sent[0] - sent[1]) <= QUANTUM + 2 * max(sizes)
    assert min(sent.values()) > 90 * QUANTUM


def test_the_longest_queue_loses_its_head() -> None:
    queues = ingress(packets=5)
    for number in range(4):
        queues.append(Packet(1000, "bulk", number), 0.0)
    assert put(queues, "ping", size=100)
    assert put(queues, "ping", size=100)  # the sixth: one of the bulk flow's has to go
    assert queues.drops == 1
    left = [queues.take(queues.turn())[0].payload for _ in range(5)]
    assert left == [1, 2, "ping", "ping", 3]  # not 0, its head
    assert not queues.active
    assert queues.backlog() == 0


def test_a_limit_in_bytes_and_one_flow_alone() -> None:
    queues = ingress(bytes=3000)
    assert put(queues, "bulk", count=2)
    assert put(queues, "bulk")  # an older one goes instead
    assert queues.backlog() == 3000
    assert not FqCodel(bytes=1000, target=0.005, interval=0.1).append(Packet(1001, "a", None), 0.0)


def test_numbers_belong_to_the_class() -> None:
    queues = ingress()
    for flow, cls in (("a", CLASS_TCP), ("b", CLASS_TCP), ("c", CLASS_UDP)):
        put(queues, flow, cls=cls, count=2)
    numbered: dict[int, list[int]] = {}
    while queues.active:
        queue = queues.turn()
        _, sequence = queues.take(queue)
        numbered.setdefault(queue.cls, []).append(sequence)
    assert numbered == {CLASS_TCP: [0, 1, 2, 3], CLASS_UDP: [0, 1]}


def test_one_queue_for_all_flows_is_first_in_first_out() -> None:
    queues = ingress(flows=1)
    for flow in "abcab":
        put(queues, flow)
    assert [take(queues) for _ in range(5)] == list("abcab")


@given(
    st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 4), st.integers(40, 1500))), max_size=150),
    st.integers(1, 8),
)
def test_each_packet_leaves_once_or_is_counted(steps: list[tuple[int, int] | None], packets: int) -> None:
    queues = ingress(packets=packets)
    order: dict[object, list[int]] = {}
    seen = put_in = 0
    for number, step in enumerate(steps):
        if step is not None:
            put_in += 1
            queues.append(Packet(step[1], step[0], number, cls=step[0] % 2), 0.0)
        elif queues.active:
            packet, _ = queues.take(queues.turn())
            order.setdefault(packet.flow, []).append(packet.payload)
            seen += 1
    waiting = 0
    while queues.active:
        packet, _ = queues.take(queues.turn())
        order.setdefault(packet.flow, []).append(packet.payload)
        waiting += 1
    assert seen + waiting + queues.drops == put_in
    assert waiting <= packets
    assert queues.backlog() == 0
    assert all(numbers == sorted(numbers) for numbers in order.values())
