"""Sessions: how they begin, are renewed and end; what is authentic and fresh passes, and nothing else."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from guarding import KEYS, OVERHEAD, Ends, credentials, guard, inner

from mpsim.tunnel.datagrams import COOKIE, RESPONSE, Data, Probe
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.security.guard import SILENCE
from mpsim.tunnel.security.keys import Credentials, from_text, to_text
from mpsim.tunnel.security.session import REJECT_AFTER, REKEY_AFTER
from mpsim.tunnel.security.window import SIZE

OLD, NEW, WRONG = ("192.0.2.1", 4725), ("198.51.100.9", 1024), ("203.0.113.66", 666)


@pytest.mark.parametrize("mode", ["aead", "mac"])
@pytest.mark.parametrize("cipher", ["chacha20-poly1305", "aes-256-gcm"])
@pytest.mark.parametrize("shared", [False, True])
def test_one_round_trip_makes_a_session(mode: str, cipher: str, shared: bool) -> None:
    ends = Ends(mode=mode, cipher=cipher, **({"credentials": Credentials(psk=KEYS["local"])} if shared else {}))
    assert not ends.local.ready
    ends.carry()
    assert [side for side, _ in ends.sent] == ["local", "remote"]
    assert ends.local.ready
    assert not ends.remote.ready  # the first datagram confirms
    ends.join()
    for number in range(50):
        for side, other in (("local", "remote"), ("remote", "local")):
            datagram = ends.datagram(side, path=1)
            data = ends.of(side).seal(datagram)
            assert data is not None
            assert len(data) == datagram.size - 28  # the tag's bytes were in the budget all the time
            assert (inner(number) in data) is (mode == "mac")
            opened = ends.of(other).open(data, 1, ends.now)
            assert isinstance(opened, Data)
            assert opened.packet.payload == inner(number)
    assert not ends.local.rejected
    assert not ends.remote.rejected


@pytest.mark.parametrize("mode", ["aead", "mac"])
def test_no_changed_bit_passes_header_included(mode: str) -> None:
    ends = Ends(mode=mode)
    ends.join()
    data = ends.seal()
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert not ends.arrives(bytes(changed))
    assert set(ends.remote.rejected) <= {"forged", "malformed", "replayed"}  # by a number that is too old
    assert ends.remote.rejected.total() == len(data) * 8
    assert ends.arrives(data)


def test_neither_the_same_path_nor_another_takes_it_twice() -> None:
    ends = Ends()
    ends.join()
    sent = [ends.seal() for _ in range(300)]
    assert all(ends.arrives(data) for data in sent)
    assert not any(ends.arrives(data) for data in sent)
    assert ends.remote.rejected == Counter(replayed=300)
    assert not any(ends.arrives(data, path=1) for data in sent)  # the path is in the header, and the tag covers that
    relabelled = [data[:2] + b"\1" + data[3:] for data in sent]
    assert not any(ends.arrives(data, path=1) for data in relabelled)
    assert ends.remote.rejected["forged"] == 300
    assert not any(ends.arrives(data, side="local") for data in sent)  # thrown back


def test_late_datagrams_pass_within_the_window() -> None:
    ends = Ends()
    ends.join()
    first, early = ends.seal(), ends.seal()
    end = ends.local
    far = end.seal(ends.datagram(number=SIZE))
    assert far is not None
    assert ends.arrives(far)
    assert ends.arrives(early)
    ends.now = 1.0
    farther = end.seal(ends.datagram(number=10 * SIZE))
    assert farther is not None
    assert ends.arrives(farther)
    assert not ends.arrives(first)
    assert ends.remote.rejected == Counter(replayed=1)


def test_sequence_numbers_wrap_on_the_wire() -> None:
    ends = Ends()
    ends.join()
    for number in range((1 << 32) - 5, (1 << 32) + 5):
        datagram = ends.datagram(path=1, number=7)
        datagram.path_sequence = number
        data = ends.local.seal(datagram)
        assert data is not None
        assert ends.arrives(data, path=1)


def test_a_nonce_is_never_used_twice() -> None:
    ends = Ends()
    ends.join()
    ends.local.seal(ends.datagram(number=9))
    with pytest.raises(AssertionError, match="nonce"):
        ends.local.seal(ends.datagram(number=9))


def test_keys_are_renewed_by_time_and_no_datagram_is_lost_by_that() -> None:
    ends = Ends()
    ends.join()
    assert ends.arrives(ends.seal("remote"), "local")
    for step in range(1, 400):
        ends.now = step * 1.0
        late = ends.seal(), ends.seal("remote")
        ends.carry()
        assert ends.arrives(ends.seal())
        assert ends.arrives(ends.seal("remote"), "local")
        assert ends.arrives(late[0])
        assert ends.arrives(late[1], "local")
    assert ends.local.handshakes == ends.remote.handshakes == 1 + int(399 // REKEY_AFTER)
    assert not ends.local.rejected
    assert not ends.remote.rejected


def test_keys_are_renewed_by_volume_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpsim.tunnel.security.session.REKEY_DATAGRAMS", 100)
    for sender, receiver in (("local", "remote"), ("remote", "local")):
        ends = Ends()
        ends.join()
        for _ in range(250):
            assert ends.arrives(ends.seal(sender), receiver)
            ends.carry()
            ends.arrives(ends.seal("local"))
        assert ends.local.handshakes in {3, 4, 5, 6}  # 250 one way, or 500
        assert not ends.remote.rejected


def test_old_keys_are_given_up() -> None:
    ends = Ends()
    ends.join()
    data = ends.seal()
    ends.now = REJECT_AFTER + 0.1
    assert not ends.arrives(data)
    ends.tick()
    assert ends.local.seal(ends.datagram()) is None


def question(ends: Ends, side: str = "local") -> Probe:
    return Probe(ends.of(side).epoch, 0, int(ends.now * 1000), 0, 1, overhead=OVERHEAD)


@pytest.mark.parametrize("forgetful", ["local", "remote"])
def test_either_end_may_restart(forgetful: str) -> None:
    ends = Ends()
    ends.join()
    old = [ends.seal(), ends.seal("remote")]
    ends.now = 10.0
    if forgetful == "local":
        ends.local = guard("local", epoch=99, entropy=Random("another life").randbytes, started=1)
    else:
        ends.remote = guard("remote", "local", epoch=99, entropy=Random("another life").randbytes)
        assert not ends.arrives(ends.seal())
    ends.local.seal(question(ends)) if forgetful == "remote" else None
    ends.now = 10.0 + SILENCE + 0.01
    ends.join()
    assert ends.now - 10.0 < 2.0
    assert not any(ends.arrives(data) for data in old[:1] if forgetful == "remote")
    assert not any(ends.arrives(data, "local") for data in old[1:] if forgetful == "local")


def test_replayed_initiations_replace_nothing_even_after_a_restart() -> None:
    ends = Ends()
    ends.join()
    recorded = [data for side, data in ends.sent if side == "local"]
    for life in range(2):
        answers = []
        for _ in range(300):
            for data in recorded:
                ends.remote.open(data, 0, ends.now, WRONG)
            answers += ends.remote.take(ends.now)
        # A restarted end knows no stamp, so the first one is answered: by what nobody can confirm.
        assert sum(answer.type == RESPONSE for answer in answers) == life
        assert all(answer.type in {COOKIE, RESPONSE} for answer in answers)
        assert len(answers) <= 300
        if not life:
            assert ends.remote.ready
            assert ends.arrives(ends.seal())
        ends.remote = guard("remote", "local", epoch=5, entropy=Random("again").randbytes)
    ends.now = 30.0
    ends.remote = guard("remote", "local", epoch=5, entropy=Random("again").randbytes)
    for data in recorded:
        ends.remote.open(data, 0, ends.now, WRONG)
    ends.local.seal(question(ends))
    ends.now = 30.0 + SILENCE + 0.01
    ends.join()


def test_nothing_is_answered_that_is_not_authentic() -> None:
    ends = Ends()
    ends.join()
    random = Random(3)
    samples = [*(data for _, data in ends.sent), ends.seal()]
    for _ in range(3000):
        data = bytearray(random.choice(samples))
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(len(data))] ^= random.randrange(1, 256)
        data = data[: random.choice((len(data), random.randrange(len(data))))]
        end = random.choice((ends.local, ends.remote))
        assert end.open(bytes(data), random.randrange(2), ends.now, WRONG) is None
        # A bit of mac2 alone changes no more than whether an initiation has a cookie: it is replayed, and gets one.
        assert all(answer.type == COOKIE for answer in end.take(ends.now))
    stranger = guard("stranger", "remote", initiates=True)
    stranger.on_time(0.0, (0,))
    ends.now = 100.0
    for message in stranger.take(0.0):
        assert ends.remote.open(message.data, 0, ends.now, WRONG) is None
    assert ends.remote.take(ends.now) == []
    assert ends.remote.rejected["forged"]
    assert ends.arrives(ends.seal())


def test_own_messages_thrown_back_are_not_taken_for_the_others() -> None:
    end = guard("local", credentials=Credentials(psk=KEYS["local"]))
    end.on_time(0.0, (0,))
    (message,) = end.take(0.0)
    assert end.open(message.data, 0, 0.1) is None
    assert end.take(0.1) == []
    assert end.rejected == Counter(forged=1)


def test_another_shared_key_beside_the_identities_is_refused() -> None:
    ends = Ends()
    ends.remote = guard("remote", "local", credentials=credentials("remote", "local", psk=KEYS["stranger"]))
    ends.carry()
    assert not ends.local.ready
    assert ends.local.rejected["forged"] == 1


def test_modes_must_agree() -> None:
    ends = Ends()
    ends.remote = guard("remote", "local", mode="mac")
    ends.carry()
    assert not ends.local.ready
    assert ends.remote.rejected == Counter(forged=1)


def test_a_handshake_survives_a_round_trip_that_is_longer_than_its_repetition() -> None:
    ends = Ends()
    asked = []
    for step in range(12):
        ends.now = step * 0.31
        asked += ends.tick()
    answers = []
    for message in asked:
        ends.now += 0.1
        ends.remote.open(message.data, message.path, ends.now)
        answers += ends.remote.take(ends.now)
    ends.local.open(answers[2].data, answers[2].path, ends.now)
    assert ends.local.ready
    assert ends.arrives(ends.seal())


def test_a_dead_path_does_not_hold_up_the_handshake() -> None:
    ends = Ends()
    paths = []
    for step in range(4):
        ends.now = step * 0.4
        paths += [message.path for message in ends.tick()]
    assert set(paths) == {0, 1}
    ends.now += 0.4
    assert [message.path for message in ends.tick(usable=(1,))] == [1]


def test_a_path_follows_its_newest_authentic_datagram() -> None:
    ends = Ends()
    ends.carry(OLD)
    assert ends.remote.sources == [None, None]  # an initiation alone moves nothing
    assert ends.arrives(ends.seal(), source=OLD)
    assert ends.remote.sources == [OLD, None]
    ends.now = 1.0
    late, forged, replayed = ends.seal(), bytearray(ends.seal()), ends.seal()
    assert ends.arrives(replayed, source=OLD)
    forged[-1] ^= 1
    assert not ends.arrives(bytes(forged), source=WRONG)
    assert not ends.arrives(replayed, source=WRONG)
    assert ends.remote.sources == [OLD, None]
    ends.now = 2.0
    assert ends.arrives(ends.seal(), source=NEW)
    assert ends.remote.sources == [NEW, None]
    assert ends.arrives(late, source=OLD)  # was on its way from the old address when that changed
    assert ends.remote.sources == [NEW, None]


def test_answers_to_who_is_not_known_go_back_and_nowhere_else() -> None:
    ends = Ends()
    (message,) = ends.tick()
    ends.remote.open(message.data, 0, 0.0, NEW)
    assert [answer.to for answer in ends.remote.take(0.0)] == [NEW]


def test_keys_as_text() -> None:
    key = KEYS["local"]
    assert from_text(to_text(key) + "\n") == key
    for wrong in ("", "AAAA", "not base64 at all!", to_text(key)[:-4]):
        with pytest.raises(ValueError, match="key"):
            from_text(wrong)
    assert to_text(key) not in repr(Credentials(psk=key))
    assert repr(key) not in repr(Credentials(psk=key))


def test_a_simulated_packet_costs_what_a_real_one_does() -> None:
    ends = Ends()
    ends.join()
    datagram = ends.datagram()
    datagram.packet = Packet(40, "flow", object())
    data = ends.local.seal(datagram)
    assert data is not None
    assert len(data) == datagram.size - 28
    assert ends.arrives(data)


def test_both_ends_may_begin_at_once() -> None:
    ends = Ends(initiates=True)
    crossing = [("remote", message) for message in ends.tick("local")]
    crossing += [("local", message) for message in ends.tick("remote")]
    for side, message in crossing:
        ends.of(side).open(message.data, message.path, ends.now, OLD)
    for step in range(1, 40):
        ends.now = step * 0.1
        ends.carry()
        for side, other in (("local", "remote"), ("remote", "local")):
            assert ends.arrives(ends.seal(side), other)
    assert ends.local.ready
    assert ends.remote.ready
    assert ends.local.handshakes <= 3
    assert not ends.local.rejected
    assert not ends.remote.rejected


def test_what_was_sealed_before_both_began_at_once_is_opened() -> None:
    """Each end takes up two sessions within a round trip, and the datagrams of the last one are still on their way."""
    ends = Ends(initiates=True)
    ends.join()
    assert ends.arrives(ends.seal("remote"), "local")
    ends.now = 1.0
    late = ends.seal(), ends.seal("remote")
    ends.now = 1.1 + SILENCE
    for side in ("local", "remote"):
        ends.of(side)._asked_since = 1.0  # both have heard nothing
    before = ends.local.handshakes, ends.remote.handshakes
    ends.carry()
    crossing = ends.seal(), ends.seal("remote")  # each by the session that it has begun
    assert ends.arrives(crossing[0])
    assert ends.arrives(crossing[1], "local")
    assert (ends.local.handshakes, ends.remote.handshakes) == (before[0] + 2, before[1] + 2)
    assert ends.arrives(late[0])
    assert ends.arrives(late[1], "local")
