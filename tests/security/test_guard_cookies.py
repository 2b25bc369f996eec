"""Cookies, clocks that were set back, and floods: what an end does that cannot tell old from new, or is kept busy."""

from __future__ import annotations

from random import Random

import pytest
from guarding import Ends, guard

from mpsim.tunnel.datagrams import COOKIE, INITIATION, RESPONSE
from mpsim.tunnel.security.cookie import COOKIES_PER_SECOND, GROUPS, HANDSHAKES_PER_SECOND, label
from mpsim.tunnel.security.messages import build
from mpsim.tunnel.security.pending import RETRY, Pending

OLD, NEW, WRONG = ("192.0.2.1", 4725), ("198.51.100.9", 1024), ("203.0.113.66", 666)


def test_a_clock_that_was_set_back_costs_a_cookie_and_no_more() -> None:
    ends = Ends(started=10**18)
    ends.join()
    ends.local = guard("local", epoch=77, entropy=Random("yesterday").randbytes, started=10**18 - 86_400 * 10**9)
    ends.now = 5.0
    ends.carry(OLD)
    assert not ends.local.ready
    ends.now = 5.1
    ends.carry(OLD)
    assert [data[0] & 0xF for _, data in ends.sent[2:]] == [INITIATION, COOKIE, INITIATION, RESPONSE]
    ends.join()
    # That initiation with its cookie is of no use to who recorded it, not even from the same address.
    recorded = ends.sent[4][1]
    ends.remote.open(recorded, recorded[2], ends.now, OLD)
    assert [answer.type for answer in ends.remote.take(ends.now)] == [COOKIE]


def test_a_cookie_is_brought_back_by_the_path_that_it_came_by() -> None:
    """Each path has an address of its own, and a cookie is worth something from one."""
    addresses = [OLD, NEW]
    ends = Ends(started=10**18)
    ends.join()
    ends.local = guard("local", epoch=77, entropy=Random("yesterday").randbytes, started=10**18 - 86_400 * 10**9)
    for step in range(200):
        ends.now = 5.0 + step * 0.01
        for message in ends.tick():
            ends.remote.open(message.data, message.path, ends.now, addresses[message.path])
        for answer in ends.remote.take(ends.now):
            ends.local.open(answer.data, answer.path, ends.now)
        if ends.local.ready:
            break
    assert ends.now < 5.5
    assert ends.arrives(ends.seal())


def test_a_cookie_of_a_path_without_carrier_is_left() -> None:
    pending = Pending(0.0)
    pending.on_cookie(b"c", 1, 2.0)
    assert pending.next_path((0, 1), 1.0) == 1
    assert pending.next_path((0, 1), 2.0) == 0  # too old
    pending.on_cookie(b"c", 1, 2.0)
    assert pending.next_path((0,), 1.0) == 0
    assert not pending.take_cookie()


def test_initiations_from_before_a_clock_was_set_back_are_not_fresh_again() -> None:
    ends = Ends(started=10**18)
    ends.join()
    recorded = [ends.sent[0][1]]
    ends.local = guard("local", epoch=77, entropy=Random("yesterday").randbytes, started=10**18 - 86_400 * 10**9)
    ends.now = 5.0
    ends.carry(OLD)
    ends.now = 5.1
    ends.carry(OLD)
    ends.join()
    for data in recorded:
        ends.remote.open(data, data[2], ends.now, OLD)
    assert [answer.type for answer in ends.remote.take(ends.now)] == [COOKIE]


def test_a_flood_is_cheap_and_who_proves_its_address_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends()
    computed = 0
    original = ends.remote._noise

    def count(*, initiator: bool) -> object:
        nonlocal computed
        computed += 1
        return original(initiator=initiator)

    monkeypatch.setattr(ends.remote, "_noise", count)
    hostile = guard("stranger", "remote", initiates=True, entropy=Random("flood").randbytes)
    answered = 0
    for number in range(2000):  # 2,000 in a fifth of a second, each fresh and addressed rightly
        ends.now = number / 10_000
        hostile._pending = None
        hostile.on_time(ends.now, (0,))
        for message in hostile.take(ends.now):
            ends.remote.open(message.data, 0, ends.now, WRONG)
        answers = ends.remote.take(ends.now)
        assert all(answer.type == COOKIE and len(answer.data) < len(message.data) for answer in answers)
        answered += len(answers)
    assert computed <= HANDSHAKES_PER_SECOND * 1.2 + 1
    assert answered <= 2000 - computed
    assert not ends.remote.ready
    ends.now = 0.3  # with the flood going on
    for _ in range(40):
        ends.remote.open(message.data, 0, ends.now, WRONG)
    ends.remote.take(ends.now)
    ends.carry(OLD)
    ends.now += RETRY + 0.1
    for _ in range(40):
        ends.remote.open(message.data, 0, ends.now, WRONG)
    ends.remote.take(ends.now)
    ends.join()


def test_a_flood_of_ten_thousand_a_second_from_one_host_keeps_nobody_out() -> None:
    """The other end has just restarted and knows no address; who floods it uses up the cookies of his group only."""
    ends = Ends()
    identity = ends.remote._credentials.own_identity
    random, answered = Random(8), 0
    for step in range(5000):
        ends.now = step / 10_000
        header = (random.getrandbits(32), 0, random.getrandbits(32))
        data = build(INITIATION, header, (1, 0), random.randbytes(111), (label(b"mac1", identity), b""))
        ends.remote.open(data, 0, ends.now, (WRONG[0], random.randrange(65_536)))
        answered += len(ends.remote.take(ends.now))
        if step > 2000 and step % 20 == 0:  # what may be computed has been used up
            ends.carry(OLD)
    assert answered < 3 * COOKIES_PER_SECOND / GROUPS  # a cookie that was used moves him to another group
    assert ends.local.ready
    assert [data[0] & 0xF for _, data in ends.sent] == [INITIATION, COOKIE, INITIATION, RESPONSE]
