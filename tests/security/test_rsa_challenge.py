"""gobonding's exchange: who cannot sign stays outside; who can is believed, and so is everybody at his address."""

from __future__ import annotations

from random import Random

import pytest
from guarding import OVERHEAD, inner
from simulating import build, links, simulate, udp

from mpsim.build import build_endpoint
from mpsim.tunnel.datagrams import COOKIE, INITIATION, RESPONSE, Data, Handshake
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.security.primitives import RsaKey
from mpsim.tunnel.security.rsa_challenge import RETRY, SILENCE, RsaChallenge
from mpsim.tunnel.wire import encode

HERE, THERE = ("192.0.2.1", 1), ("203.0.113.66", 666)
KEY, OTHER = RsaKey(Random(1).randbytes), RsaKey(Random(2).randbytes)


def end(proves: bool, key: RsaKey = KEY, seed: int = 3) -> RsaChallenge:
    return RsaChallenge(key=key, overheads=[OVERHEAD] * 2, epoch=seed, entropy=Random(seed).randbytes, proves=proves)


def data(path: int = 0, number: int = 0) -> Data:
    packet = Packet.from_bytes(inner(number))
    return Data(3, path, number, 0, packet.cls, number, packet, overhead=OVERHEAD)


def talk(local: RsaChallenge, remote: RsaChallenge, now: float = 0.0, path: int = 0) -> list[Handshake]:
    """Carry what both say by one path, and return it."""
    local.on_time(now, (path,))
    said: list[Handshake] = []
    while new := local.take(now):
        for message in new:
            remote.open(message.data, path, now, HERE)
            answers = remote.take(now)
            said += [message, *answers]
            for answer in answers:
                local.open(answer.data, path, now)
    return said


def test_a_signature_opens_a_path_and_no_other() -> None:
    local, remote = end(True), end(False)
    assert local.seal(data()) is None
    assert remote.open(encode(data()), 0, 0.0, HERE) is None
    assert [message.type for message in talk(local, remote)] == [INITIATION, COOKIE, RESPONSE]
    assert local.ready
    assert remote.ready
    assert remote.sources == [HERE, None]
    sent = local.seal(data())
    assert sent is not None
    assert isinstance(remote.open(sent, 0, 0.0, HERE), Data)
    assert remote.open(encode(data(1)), 1, 0.0, HERE) is None
    assert remote.open(sent, 0, 0.0, THERE) is None
    assert remote.rejected == {"forged": 3}


def test_neither_another_key_nor_an_old_answer_opens_it() -> None:
    remote = end(False)
    talk(end(True, OTHER), remote)
    assert not remote.ready
    said = talk(end(True), end(False, seed=4))
    hello, _, answer = said
    remote.open(hello.data, 0, 1.0, THERE)
    remote.take(1.0)
    remote.open(answer.data, 0, 1.0, THERE)  # to another challenge
    assert not remote.ready
    remote.open(answer.data, 0, 1.0, THERE)  # a challenge is worth something once
    assert remote.rejected == {"forged": 2, "malformed": 1}


def test_afterwards_everybody_at_that_address_is_believed() -> None:
    """What it does not promise, and ours do."""
    local, remote = end(True), end(False)
    talk(local, remote)
    for _ in range(2):  # made up, and repeated
        assert isinstance(remote.open(encode(data(number=77)), 0, 0.0, HERE), Data)


def test_it_is_repeated_until_it_is_answered_and_when_the_other_end_forgets() -> None:
    local, remote = end(True), end(False)
    local.on_time(0.0, (0,))
    assert len(local.take(0.0)) == 1
    assert local.next_timeout() == RETRY
    talk(local, remote, RETRY)
    assert local.seal(data()) is not None
    assert local.asked
    assert local.next_timeout() == pytest.approx(RETRY + SILENCE)
    assert [message.type for message in talk(local, end(False, seed=5), 2.0)] == [INITIATION, COOKIE, RESPONSE]
    assert local.next_timeout() == float("inf")


def test_a_tunnel_carries_as_much_as_without() -> None:
    wires, flow = links("8Mbit", "4Mbit"), udp("9Mbit")
    goodputs = []
    for mode in ("none", "rsa-challenge"):
        result = simulate(wires, flow, tunnel={"mode": mode}, warmup="1s", duration="1s").data
        assert result["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}
        goodputs.append(result["flows"][0]["goodput_bps"])
    assert goodputs[1] == pytest.approx(goodputs[0], rel=0.01)


def test_a_seed_makes_the_key() -> None:
    scenario = build(links("8Mbit"), udp("1Mbit"), tunnel={"mode": "rsa-challenge"})
    local, remote = (build_endpoint(scenario, side, epoch=1).guard for side in ("local", "remote"))  # type: ignore[arg-type]
    assert isinstance(local, RsaChallenge)
    assert isinstance(remote, RsaChallenge)
    assert talk(local, remote)
    assert remote.ready
