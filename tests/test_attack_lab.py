"""The attack lab's frames, what its captures prove, and its criterion: all that needs no root."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from experiments.attacks import evidence, frames, scene
from experiments.attacks.evidence import Inner
from experiments.attacks.experiment import ATTACKS, Attack, experiment, faults, lines_of
from experiments.attacks.frames import Heard
from mpsim.errors import InputError
from mpsim.tunnel.datagrams import COOKIE, DATA, INITIATION, Data
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.wire import encode

HERE, THERE, MALLORY = scene.HERE, scene.THERE, scene.MALLORY


@pytest.fixture(autouse=True)
def plain_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what UDP carries as it is: another test may have taught Scapy the tunnel's header."""
    monkeypatch.setattr(UDP, "payload_guess", [])


def sealed(sequence: int, path: int = 0) -> bytes:
    """Return a data datagram with a key's number, whose tag nobody can make."""
    packet = Packet.from_bytes(bytes(IP(src="10.20.1.2", dst="10.20.2.2") / UDP() / bytes(40)))
    data = bytearray(encode(Data(0xC0FFEE, path, sequence, 1, 0, sequence, packet)))
    data[23] = 9
    return bytes(data)


RECORDED = [
    Heard(0, HERE, THERE, bytes([1 << 4 | INITIATION]) + bytes(99)),
    *(Heard(path, HERE, THERE, sealed(number, path)) for path in scene.SEGMENTS for number in range(20)),
    *(Heard(0, THERE, HERE, sealed(number)) for number in range(5)),
]


def some(name: str, count: int = 400) -> list[tuple[int, IP]]:
    """Return the first frames of an attack, as Scapy reads them, by segment."""
    stream = frames.STREAMS[name](RECORDED, Random(1))
    return [(segment, Ether(frame)[IP]) for segment, frame in islice(stream, count)]


@pytest.mark.parametrize("name", frames.STREAMS)
def test_what_is_sent_is_whole_and_comes_from_where_it_says(name: str) -> None:
    for segment, packet in some(name):
        header = packet.copy()
        del header.chksum
        assert IP(bytes(header)).chksum == packet.chksum
        assert packet.len == len(packet)
        assert packet[UDP].chksum == 0  # none, or the receiver's kernel would drop it before a portal sees it
        assert packet[UDP].len == packet.len - 20
        target = HERE if packet.dst == scene.address(segment, HERE) else THERE
        assert (packet.dst, packet[UDP].dport) == (scene.address(segment, target), scene.port(segment, target))
        other = THERE if target == HERE else HERE
        assert packet.src in {scene.address(segment, other), scene.address(segment, MALLORY)}


def test_nothing_forged_or_changed_was_recorded() -> None:
    known = {one.payload for one in RECORDED}
    for name in ("forge", "mutate", "flood", "flood-sealed"):
        assert not known & {bytes(packet[UDP].payload) for _, packet in some(name)}


def test_every_other_changed_datagram_has_a_newer_number() -> None:
    sent = [bytes(packet[UDP].payload) for _, packet in some("mutate", 800)]
    newer = [one for one in sent if len(one) >= 24 and int.from_bytes(one[12:16], "big") >= frames.AHEAD]
    assert len(newer) == pytest.approx(400, rel=0.2)


def test_both_ends_are_forged_for_in_the_other_s_name_and_the_attacker_s() -> None:
    sources = Counter(packet.src for _, packet in some("forge", 2000))
    assert set(sources) == {scene.address(segment, host) for segment in (0, 1) for host in (HERE, MALLORY)} | {
        scene.address(0, THERE)
    }
    attacker = sum(count for source, count in sources.items() if source.endswith(".66"))
    assert attacker == pytest.approx(500, rel=0.2)


def test_a_flood_is_small_and_wears_a_newer_header_of_the_session() -> None:
    assert {len(packet[UDP].payload) for name in ("flood", "flood-sealed") for _, packet in some(name)} == {60}
    for _, packet in some("flood-sealed"):
        header = bytes(packet[UDP].payload)[:24]
        assert (header[0], header[2], header[23]) == (1 << 4 | DATA, 1, 9)
        assert int.from_bytes(header[4:8], "big") == 0xC0FFEE
        assert int.from_bytes(header[12:16], "big") >= 19 + frames.AHEAD


def test_a_recording_is_replayed_on_both_paths_as_it_is_and_relabelled() -> None:
    recorded = RECORDED[1]
    stream = frames.STREAMS["replay-old"]([recorded], Random(1))
    sent = [(segment, Ether(frame)[UDP].payload.load) for segment, frame in islice(stream, 3)]
    assert sent == [(0, recorded.payload), (1, recorded.payload), (1, sealed(0, path=1))]


def test_initiations_are_repeated_in_both_names() -> None:
    sent = [(packet.src, bytes(packet[UDP].payload)) for _, packet in some("initiations", 4)]
    assert sent == 2 * [(scene.address(0, name), RECORDED[0].payload) for name in (HERE, MALLORY)]


def test_what_is_heard_is_repeated_and_reflected() -> None:
    said = RECORDED[-1]
    segment, frame = frames.framed(said.segment, said.source, said.target, said.payload)
    assert frames.heard(segment, frame) == said
    assert frames.heard(segment, frames.framed(0, MALLORY, THERE, b"x")[1]) is None
    again = [(at, Ether(one)) for at, one in frames.ANSWERS["replay"](said)]
    assert [(at, one[IP].src, one[UDP].load) for at, one in again] == [
        (at, scene.address(at, THERE), said.payload) for at in (0, 1)
    ]
    ((at, back),) = frames.ANSWERS["reflect"](said)
    packet = Ether(back)
    assert (at, packet[IP].src, packet[IP].dst) == (0, scene.address(0, HERE), scene.address(0, THERE))
    assert packet[UDP].load == said.payload


def test_recordings_are_read(tmp_path: Path) -> None:
    for segment in scene.SEGMENTS:
        own = [one for one in RECORDED if one.segment == segment]
        told = [frames.framed(segment, one.source, one.target, one.payload)[1] for one in own]
        noise = bytes(Ether(dst="ff:ff:ff:ff:ff:ff") / IP() / UDP())
        wrpcap(str(scene.recording(tmp_path, segment)), [Ether(one) for one in (*told, noise)])
    assert sorted(frames.read_recordings(tmp_path)) == sorted(RECORDED)


def packet(number: int, ttl: int = 64, flags: str = "A", mss: int = 1460) -> Ether:
    ends = {"src": scene.inner_address(scene.CLIENT), "dst": scene.inner_address(scene.SERVER)}
    options = [("MSS", mss)] if flags == "S" else []
    return Ether() / IP(**ends, ttl=ttl) / TCP(seq=number, flags=flags, options=options) / b"data"


def test_captures_tell_what_is_foreign_and_what_came_twice(tmp_path: Path) -> None:
    sent = [packet(0, flags="S"), *(packet(number) for number in range(1, 6)), packet(5)]
    # A router has counted down and a portal has lowered the MSS; 4 was lost, 3 came twice, nobody sent 99.
    numbers = (1, 2, 3, 3, 5, 5, 99)
    given = [packet(0, ttl=62, flags="S", mss=1392), *(packet(number, ttl=62) for number in numbers)]
    captures = {scene.CLIENT: tmp_path / "client", scene.SERVER: tmp_path / "server"}
    wrpcap(str(captures[scene.CLIENT]), sent)
    wrpcap(str(captures[scene.SERVER]), given)
    assert evidence.inner(captures) == Inner(delivered=8, foreign=1, doubled=1)


def test_answers_are_counted_with_their_bytes(tmp_path: Path) -> None:
    cookie = bytes([1 << 4 | COOKIE]) + bytes(75)
    told = [
        frames.framed(0, THERE, MALLORY, cookie)[1],
        frames.framed(0, THERE, HERE, cookie)[1],
        frames.framed(0, THERE, HERE, bytes([1 << 4 | DATA]) + bytes(75))[1],
    ]
    places = [tmp_path / "0", tmp_path / "1"]
    wrpcap(str(places[0]), [Ether(one) for one in told])
    wrpcap(str(places[1]), [Ether(frames.framed(1, HERE, MALLORY, b"x" * 5)[1])])
    assert evidence.answers(places) == (2, 81, 2)


GOOD = {
    "attack": "forged", "repetition": 1, "without_bps": 30e6, "beside_bps": 29e6, "ratio": 29 / 30,
    "sent": 100, "sent_bytes": 5000, "sent_per_s": 50.0, "foreign": 0, "doubled": 0, "answers": 0, "answer_bytes": 0,
    "here_memory": 0, "there_memory": 4096,
    "here_rejected_forged": 40, "there_rejected_forged": 50, "there_unknown": 10,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"ratio": 0.85}, ["goodput 85.0%"]),
        ({"ratio": None}, ["goodput nan%"]),
        ({"foreign": 1}, ["1 foreign"]),
        ({"doubled": 2}, ["2 doubled"]),
        ({"here_memory": 2 << 20}, ["memory grows"]),
        ({"answers": 1, "answer_bytes": 60}, ["answered"]),
    ],
)
def test_the_criterion(change: dict[str, float], told: list[str]) -> None:
    assert faults(ATTACKS[0], [{**GOOD, **change}]) == told


def test_initiations_may_be_answered_by_less_than_they_are() -> None:
    asked = Attack("asked", "initiations", "", answered=True)
    assert not faults(asked, [{**GOOD, "answers": 20, "answer_bytes": 2499}])
    assert faults(asked, [{**GOOD, "answers": 20, "answer_bytes": 2500}]) == ["answered"]


def test_the_table_has_medians_of_goodput_and_sums_of_what_was_refused() -> None:
    rows = [GOOD, {**GOOD, "beside_bps": 27e6, "ratio": 0.9}, {**GOOD, "beside_bps": 28e6, "ratio": 28 / 30}]
    assert lines_of(rows) == [
        ("forged", "50", "30.0", "28.0", "93.3%", "0", "0", "30", "0", "270", "0", "0", "+4", "met")
    ]


def test_it_is_of_the_emulated_world(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='--world: emulation is needed; given "simulation"'):
        experiment.run("simulation", tmp_path, quick=True)


def test_a_segment_that_was_joined_and_cut_again_is_the_same_and_a_changed_one_is_not() -> None:
    def segment(payload: bytes = b"inner", **fields: object) -> bytes:
        return bytes(IP(src="10.20.1.2", dst="10.20.2.2", id=fields.pop("id", 1)) / TCP(seq=9, **fields) / payload)

    known = evidence.identity(segment(flags="A"))
    assert evidence.identity(segment(flags="PA", id=7)) == known
    for other in (segment(b"INNER", flags="A"), segment(flags="FA"), segment(flags="A", ack=1)):
        assert evidence.identity(other) != known
