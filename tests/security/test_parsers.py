"""Whatever bytes come: no parser raises, and nothing passes that was not sealed."""

from __future__ import annotations

import pytest
from guarding import Ends
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.datagrams import COOKIE, HEADER_SIZE, INITIATION, RESPONSE, TAG_SIZE
from mpsim.tunnel.security.cookie import label
from mpsim.tunnel.security.messages import LONGEST, build, parse
from mpsim.tunnel.wire import handshake_header

ENDS = Ends()
ENDS.join()
TYPES = st.sampled_from([INITIATION, RESPONSE, COOKIE, 9, 15])


@given(TYPES, st.integers(0, 3), st.binary(max_size=LONGEST + 40))
def test_no_body_of_a_handshake_raises(kind: int, path: int, body: bytes) -> None:
    data = handshake_header(kind, 7, path, 9) + body
    message = parse(data)
    if message is not None:
        assert (message.kind, message.path, message.epoch) == (kind, path, 7)
        assert len(data) <= LONGEST
    for end in (ENDS.local, ENDS.remote):
        assert end.open(data, path % 2, ENDS.now) is None
        assert end.take(ENDS.now) == []


@given(st.binary(max_size=200), st.integers(0, 1))
def test_no_bytes_at_all_raise(data: bytes, path: int) -> None:
    for end in (ENDS.local, ENDS.remote):
        assert end.open(data, path, ENDS.now) is None
        assert end.take(ENDS.now) == []


@given(st.data())
def test_changed_messages_are_answered_by_a_cookie_at_most(data: st.DataObject) -> None:
    ends = Ends()
    ends.carry()
    _, message = data.draw(st.sampled_from(ends.sent))
    changed = bytearray(message)
    changed[data.draw(st.integers(0, len(message) - 1))] ^= data.draw(st.integers(1, 255))
    for end in (ends.local, ends.remote):
        assert end.open(bytes(changed), changed[2] % 2, ends.now) is None
        assert all(answer.type == COOKIE for answer in end.take(ends.now))


@pytest.mark.parametrize("kind", range(8, 16))
def test_a_kind_of_handshake_that_there_is_not_is_malformed(kind: int) -> None:
    """However well it is addressed, and at the length that is the longest."""
    ends = Ends()
    size = LONGEST - HEADER_SIZE - 4 - 2 * TAG_SIZE
    for _ in range(100):
        data = build(kind, (7, 0, 9), (3, 0), bytes(size), (label(b"mac1", ends.remote._credentials.own_identity), b""))
        assert len(data) == LONGEST
        assert ends.remote.open(data, 0, ends.now, ("203.0.113.1", 1)) is None
        assert ends.remote.take(ends.now) == []
    assert ends.remote.rejected == {"malformed": 100}
