"""Whatever bytes come in: counted by cause, never raised, never fatal; nothing is delivered that was not sent."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pairing import Pair

from mpsim.tunnel.packet import CLASSES, Packet
from mpsim.tunnel.wire import HEADER_SIZE, Data, Probe, encode

COUNT = 20_000
EPOCH = slice(4, 8)


def inner(number: int) -> bytes:
    """An IPv4 and UDP packet of 40 bytes, which ends with its number."""
    return bytes.fromhex("4500002800010000401100000a0000010a0000021389138a00140000") + number.to_bytes(12, "big")


def session() -> tuple[Pair, list[bytes]]:
    """A session that has carried real packets, and the bytes of everything the local end has sent."""
    pair = Pair(0.01, 0.02)
    pair.run(0.5)
    for number in range(60):
        pair.local.receive_packet(Packet.from_bytes(inner(number)), pair.now)
        pair.remote.receive_packet(Packet.from_bytes(inner(number)), pair.now)
        pair.send()
        pair.send(side="remote")
        pair.run(pair.now + 0.005)
    pair.run(pair.now + 0.2)
    assert pair.payloads("remote") == pair.payloads("local") == [inner(number) for number in range(60)]
    return pair, [encode(datagram) for side, datagram in pair.carried if side == "local"]


def goes_on(pair: Pair) -> None:
    """The session still carries packets in both directions, all of them."""
    pair.run(pair.now + 2.0)
    pair.delivered = {"local": [], "remote": []}
    for number in range(100, 140):
        pair.local.receive_packet(Packet.from_bytes(inner(number)), pair.now)
        pair.remote.receive_packet(Packet.from_bytes(inner(number)), pair.now)
        pair.send()
        pair.send(side="remote")
        pair.run(pair.now + 0.005)
    pair.run(pair.now + 1.0)
    expected = [inner(number) for number in range(100, 140)]
    assert pair.payloads("remote") == expected
    assert pair.payloads("local") == expected


def noise(random: Random) -> Iterator[bytes]:
    """Bytes of all lengths, some of which begin as ours do."""
    for number in range(COUNT):
        data = random.randbytes(random.choice((0, 1, 23, 39, 40, 41, 60, 76, 100, 300, 1500)))
        if number % 2 and data:
            data = bytes([0x10 | random.randrange(5), random.randrange(16)]) + data[2:]
        yield data


def mutations(random: Random, sent: list[bytes]) -> Iterator[bytes]:
    """What was really sent, with a few bits, bytes or its length changed."""
    for number in range(COUNT):
        data = bytearray(random.choice(sent))
        kind = number % 4
        if kind == 0:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[random.randrange(HEADER_SIZE)] = random.randrange(256)
        elif kind == 2:
            del data[random.randrange(len(data)) :]
        else:
            for _ in range(8):
                data[random.randrange(len(data))] = random.randrange(256)
        yield bytes(data)


def test_noise_changes_nothing() -> None:
    pair, _ = session()
    delivered = len(pair.payloads("remote"))
    for data in noise(Random(1)):
        pair.remote.receive_bytes(data, 0, pair.now)
    assert sum(pair.remote.rejected.values()) >= COUNT * 0.99
    assert set(pair.remote.rejected) >= {"truncated", "version", "reserved", "payload"}
    pair.run(pair.now + 0.3)
    assert len(pair.payloads("remote")) == delivered
    goes_on(pair)


def test_damaged_datagrams_deliver_nothing_that_was_not_sent() -> None:
    pair, sent = session()
    damaged = list(mutations(Random(2), sent))
    for data in damaged:
        pair.remote.receive_bytes(data, Random(len(data)).randrange(2), pair.now)
        pair.send(side="remote")
    pair.run(pair.now + 1.0)
    # Nothing authenticates here (mode "none"), so a header may be believed; an inner packet is never
    # invented, it was in one of the datagrams.
    carried = {data[HEADER_SIZE:-16] for data in (*damaged, *sent)}
    assert set(pair.payloads("remote")) <= carried
    assert sum(pair.remote.rejected.values()) > COUNT / 2


def test_one_flipped_bit_in_the_epoch_does_not_end_the_session() -> None:
    pair, sent = session()
    for data in sent:
        damaged = bytearray(data)
        damaged[EPOCH.start + 1] ^= 0x10
        pair.remote.receive_bytes(bytes(damaged), 0, pair.now)
    assert pair.remote.rejected["epoch"] == len(sent)
    goes_on(pair)


def test_a_number_from_far_ahead_does_not_end_the_session() -> None:
    pair, _ = session()
    for path_sequence, tunnel_sequence in ((2**30, 60), (40, 2**30), (2**31 - 1, 2**31 - 1)):
        forged = Data(1, 0, path_sequence, 0, 1, tunnel_sequence, Packet.from_bytes(inner(9999)))
        pair.remote.receive_bytes(encode(forged), 0, pair.now)
    assert pair.remote.rejected["ahead"] == 3
    goes_on(pair)
    assert not pair.local.rejected


def test_a_well_formed_stranger_does_not_end_the_session() -> None:
    pair, _ = session()
    random = Random(3)
    for number in range(1000):
        epoch = random.getrandbits(32)
        stranger = Data(epoch, number % 2, number, 0, 1, number, Packet.from_bytes(inner(9999)))
        question = Probe(epoch, number % 2, number, 0, number)
        for datagram in (stranger, question):
            pair.remote.receive_bytes(encode(datagram), number % 2, pair.now)
        pair.send(side="remote")
    pair.run(pair.now + 0.5)
    assert inner(9999) not in pair.payloads("remote")
    goes_on(pair)


def test_who_has_the_keys_cannot_open_any_number_of_classes() -> None:
    pair, _ = session()
    for cls in range(256):
        hostile = Data(1, 0, 100 + cls, 0, cls, 0, Packet.from_bytes(inner(9999)))
        pair.remote.receive_bytes(encode(hostile), 0, pair.now)
    assert len(pair.remote.incoming.reorder) == CLASSES
    assert pair.remote.rejected["class"] == 256 - CLASSES
    goes_on(pair)
