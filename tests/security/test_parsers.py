"""Whatever bytes come: no parser raises, and nothing passes that was not sealed."""

from __future__ import annotations

from guarding import Ends
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.datagrams import COOKIE, INITIATION, RESPONSE
from mpsim.tunnel.security.messages import LONGEST, parse
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
