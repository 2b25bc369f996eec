"""Datagrams by the hundred thousand for a secured end: malformed, forged, repeated, or honest and late.

How many is the caller's to say; nothing may raise, be answered or be delivered that should not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from random import Random

from mpsim.nemesis.disturbing import foe_of
from mpsim.nemesis.end import End
from mpsim.nemesis.foes import Strange
from mpsim.nemesis.inner import Mark, packet
from mpsim.nemesis.script import Fault, Script
from mpsim.nemesis.wires import Sent
from mpsim.nemesis.world import World
from mpsim.tunnel.datagrams import DATA, HEADER_SIZE, INITIATION, TAG_SIZE, Data
from mpsim.tunnel.packet import CLASS_UDP, Packet
from mpsim.tunnel.security.session import REKEY_AFTER, Session
from mpsim.tunnel.wire import OVERHEAD, encode, microseconds

RATE = 30_000  # datagrams a second: 300 Mbit/s of 1250 bytes
SKEWS = (0.0, 0.3, 1.0, 2.0)  # s that each path is late
MODES = ("aead", "mac")


def joined(mode: str, paths: int = 2) -> World:
    """Two ends that have talked for a second."""
    tunnel = {"scheduler": "round-robin", "reorder": {"mode": "timeout"}, "repair": []}
    traffic_ends = Fault("wall", 1e6)
    world = World(Script(1, mode, (0.01,) * paths, 300.0, tunnel, (traffic_ends,)))
    world.begin()
    world.play_until(2.0)
    assert len(world.received["remote"]) > 500
    return world


def refuses_all(world: World, end: End, datagrams: Iterator[Strange]) -> int:
    """Let an end receive what it must refuse; return how many these were."""
    endpoint, now = end.endpoint, end.tell(world.now)
    guard = endpoint.guard
    assert guard is not None
    end_of_before = endpoint.datagrams_to_send(now)
    assert len(end_of_before) < 10
    rejected = endpoint.rejected.total()
    sources, session, received = list(guard.sources), guard._sessions.current, endpoint.incoming.received_data
    count = 0
    for data, path, source in datagrams:
        endpoint.receive_bytes(data, path, now, source)
        assert not endpoint.deliverable
        assert not guard._out
        assert not endpoint.dispatch.out
        count += 1
    assert endpoint.rejected.total() == rejected + count
    assert endpoint.incoming.received_data == received
    assert guard.sources == sources
    assert guard._sessions.current is session
    assert endpoint.datagrams_to_send(now) == []
    return count


def goes_on(world: World) -> None:
    """The tunnel works as before."""
    before = {side: end.endpoint.incoming.delivered_packets for side, end in world.ends.items()}
    world.play_until(world.now + 0.5)
    for side, end in world.ends.items():
        assert end.endpoint.incoming.delivered_packets > before[side]


def malformed(mode: str, count: int) -> None:
    """Noise of all lengths, and what was sent with changes."""
    world = joined(mode)
    for side, end in world.ends.items():
        foe, random = foe_of(world, side), Random(f"noise for {side}")
        seen = world.received[side]
        whole = {sent.data for sent in seen}
        beginnings = {sent.data[:-TAG_SIZE] for sent in seen if sent.data[0] & 0xF >= INITIATION}

        def noise(random: Random = random) -> Strange:
            data = random.randbytes(random.choice((0, 1, 2, 23, 24, 39, 40, 41, 60, 76, 100, 300, 512, 1500)))
            if len(data) > HEADER_SIZE and random.random() < 0.5:  # begins as ours do
                data = bytes((0x10 | random.randrange(16), 0, random.randrange(2))) + data[3:]
            return Strange(data, random.randrange(2), ("203.0.113.1", 1))

        def datagrams(
            foe: object = foe, seen: list[Sent] = seen, noise: Callable[[], Strange] = noise
        ) -> Iterator[Strange]:
            made = 0
            while made < count // 2:
                strange = noise() if made % 3 == 0 else foe.forge(seen)  # type: ignore[attr-defined]
                assert strange is not None
                # With its mac2 changed an initiation is the same, without a cookie.
                if strange.data in whole or strange.data[:-TAG_SIZE] in beginnings:  # noqa: B023
                    continue
                made += 1
                yield strange

        assert refuses_all(world, end, datagrams()) == count // 2
    goes_on(world)


def forged(mode: str, count: int) -> None:
    """Well formed, with numbers that are due, for a session and a path that there are; sealed by other keys."""
    world = joined(mode)
    end, sender = world.ends["remote"], world.ends["local"]
    guard, random = end.endpoint.guard, Random(7)
    assert guard is not None
    session = guard._sessions.current
    assert session is not None
    cipher = guard.cipher
    wrong = Session(
        mode,
        cipher,
        (random.randbytes(32), random.randbytes(32)),
        number=1,
        peer_number=session.number,
        initiator=True,
        born=0.0,
    )
    templates = [sent for sent in world.received["remote"] if sent.data[0] & 0xF == DATA]

    def datagrams() -> Iterator[Strange]:
        for number in range(count):
            path = number % 2
            inner = packet(Mark(0, sender.life, CLASS_UDP, 10**6 + number), 60)
            fresh = sender.endpoint.paths[path].next_sequence + number
            made = Data(sender.endpoint.epoch, path, fresh, number, CLASS_UDP, number, Packet.from_bytes(inner))
            kind = number % 3
            if kind == 0:
                data = wrong.seal(encode(made), inner, fresh)
            elif kind == 1:  # a real body and tag under another number
                sent = random.choice(templates)
                path = sent.path
                data = sent.data[:12] + fresh.to_bytes(4, "big") + sent.data[16:]
            else:
                data = encode(made)[: HEADER_SIZE - 1] + bytes((session.number,)) + inner + random.randbytes(TAG_SIZE)
            yield Strange(data, path, world.wires.addresses["local"][path])

    assert refuses_all(world, end, datagrams()) == count
    goes_on(world)


def replayed(mode: str, count: int) -> None:
    """By the same path, by another, after new keys, after a restart: a quarter each."""
    world = joined(mode)
    end, random, quarter = world.ends["remote"], Random(9), count // 4
    recorded = [sent for sent in world.received["remote"] if sent.data[0] & 0xF < INITIATION]

    def same() -> Iterator[Strange]:
        for number in range(quarter):
            sent = recorded[number % len(recorded)]
            yield Strange(sent.data, sent.path, sent.source)

    def other() -> Iterator[Strange]:
        for number in range(quarter):
            sent = recorded[number % len(recorded)]
            path = 1 - sent.path
            data = sent.data if random.random() < 0.3 else sent.data[:2] + bytes((path,)) + sent.data[3:]
            yield Strange(data, path, world.wires.addresses["local"][path])

    assert refuses_all(world, end, same()) == quarter
    assert refuses_all(world, end, other()) == quarter
    goes_on(world)
    for either in world.ends.values():
        either.leap(REKEY_AFTER + 1)
    handshakes = end.endpoint.guard.handshakes  # type: ignore[union-attr]
    goes_on(world)
    assert end.endpoint.guard.handshakes > handshakes  # type: ignore[union-attr]
    assert refuses_all(world, end, same()) == quarter
    goes_on(world)
    world.restart("remote")
    world.play_until(world.now + 2.0)
    goes_on(world)
    assert refuses_all(world, end, same()) == quarter
    goes_on(world)


def late(mode: str, count: int) -> None:
    """Honest datagrams at 300 Mbit/s by paths that are late by 0 to 2 s, in whatever turn: each is delivered, once."""
    world = joined(mode, len(SKEWS))
    local, remote = world.ends["local"], world.ends["remote"]
    sender, receiver = local.endpoint, remote.endpoint
    begin, random = world.now, Random(11)
    flying: list[deque[tuple[float, bytes]]] = [deque() for _ in SKEWS]
    before = receiver.incoming.delivered_packets, receiver.rejected.total(), receiver.incoming.duplicates
    (queue,) = [queue for queue in sender.ingress._queues.values() if queue.cls == CLASS_UDP]
    first = queue.next_sequence
    for number in range(count + int(RATE * max(SKEWS)) + 1):
        at = begin + number / RATE
        if number < count:
            path = random.randrange(len(SKEWS))
            sequence = sender.paths[path].next_sequence
            sender.paths[path].next_sequence = sequence + 1
            inner = Packet.from_bytes(packet(Mark(0, 0, CLASS_UDP, 10**6 + number), 60))
            sent_us = microseconds(local.tell(at))
            made = Data(sender.epoch, path, sequence, sent_us, CLASS_UDP, first + number, inner, overhead=OVERHEAD)
            data = sender.to_bytes(made)
            assert data is not None
            flying[path].append((at + SKEWS[path], data))
        now = remote.tell(at)
        for path, waiting in enumerate(flying):
            while waiting and waiting[0][0] <= at:
                receiver.receive_bytes(waiting.popleft()[1], path, now)
        if receiver.next_timeout() <= now:
            receiver.handle_timeout(now)
        receiver.packets_to_deliver(now)
        receiver.datagrams_to_send(now)
    receiver.handle_timeout(now + 1.0)
    receiver.packets_to_deliver(now + 1.0)
    after = receiver.incoming.delivered_packets, receiver.rejected.total(), receiver.incoming.duplicates
    assert after == (before[0] + count, before[1], before[2])
