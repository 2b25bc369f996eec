"""The channels of a path over loopback: datagrams arrive whole and in order, and a stream says when it is full."""

from __future__ import annotations

import math
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from emulation import stream as streams
from emulation.channels import DatagramChannel, IpChannel
from emulation.sockets import UNSENT
from emulation.stream import StreamChannel
from mpsim.headers import EXPERIMENTAL, ipv4

LONG = 10.0  # s


def _listener() -> socket.socket:
    opened = socket.create_server(("127.0.0.1", 0))
    opened.setblocking(False)
    return opened


def _dialler(address: tuple[str, int]) -> Callable[[], socket.socket]:
    def dial() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        opened.connect_ex(address)
        return opened

    return dial


def _until(condition: Callable[[], object], *channels: StreamChannel) -> list[bytes]:
    """Serve channels until something is so; return what arrived meanwhile."""
    found: list[bytes] = []
    poll = select.poll()
    for channel in channels:
        poll.register(channel.fileno(), select.POLLIN)
    while not condition():
        assert poll.poll(LONG * 1000), "nothing happened"
        for channel in channels:
            found += channel.drain()
    return found


@pytest.fixture
def ends() -> Iterator[tuple[StreamChannel, StreamChannel]]:
    """A channel that listens and one that has connected to it."""
    listener = _listener()
    far = StreamChannel(listener=listener, dial=None)
    near = StreamChannel(listener=None, dial=_dialler(listener.getsockname()))
    near.tend(0.0)
    _until(lambda: near.connected and far.connected, near, far)
    yield near, far
    near.close()
    far.close()


def test_datagrams_of_a_stream_arrive_whole_and_in_order(ends: tuple[StreamChannel, StreamChannel]) -> None:
    sent = [bytes([number % 256]) * size for number, size in enumerate((1, 40, 1448, 0, 2048, 999) * 50)]
    for source, target in (ends, ends[::-1]):
        found: list[bytes] = []
        for datagram in sent:
            source.send(datagram)
            source.flush()
            found += target.drain()
        source.flush()
        found += _arrivals(target, len(sent) - len(found))
        assert found == sent


def test_a_stream_says_that_it_is_full_and_when_it_no_longer_is(ends: tuple[StreamChannel, StreamChannel]) -> None:
    near, far = ends
    assert near.budget() == UNSENT
    sent = 0
    while near.budget() > 0:  # nobody reads: the window closes, then what was not sent grows
        near.send(bytes(1000))
        near.flush()
        sent += 1
    near.wait_for_room()
    assert near.drain() == []
    found = _until(lambda: near.budget() > UNSENT / 2, near, far)
    found += _arrivals(far, sent - len(found))
    assert found == [bytes(1000)] * sent


def test_what_is_no_datagram_ends_the_connection_and_another_is_made(
    ends: tuple[StreamChannel, StreamChannel],
) -> None:
    near, far = ends
    near.send(bytes(streams.LONGEST_DATAGRAM + 1))
    near.flush()
    assert _until(lambda: not far.connected, far) == []
    assert far.receive_errors == 1
    _until(lambda: not near.connected, near)
    near.send(b"lost")
    assert near.unsent == 1
    near.tend(streams.RETRY / 2)
    assert not select.select([near.fileno()], [], [], 0)[0], "too early"
    near.tend(streams.RETRY)
    _until(lambda: near.connected and far.connected, near, far)
    near.send(b"arrives")
    near.flush()
    (found,) = _arrivals(far, 1)
    assert found == b"arrives"


def _arrivals(channel: StreamChannel, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        assert select.select([channel.fileno()], [], [], LONG)[0], "nothing came"
        found += channel.drain()
    return found


def test_a_new_connection_replaces_the_old_one(ends: tuple[StreamChannel, StreamChannel]) -> None:
    near, far = ends
    listener = far._listener
    assert listener is not None
    newer = StreamChannel(listener=None, dial=_dialler(listener.getsockname()))
    newer.tend(0.0)
    _until(lambda: newer.connected and far.connections == 2, newer, far)
    _until(lambda: not near.connected, near)
    far.send(b"to the newer")
    far.flush()
    assert _arrivals(newer, 1) == [b"to the newer"]
    newer.close()


def test_nobody_listens_and_the_interface_comes_back() -> None:
    taken = _listener()
    address = taken.getsockname()
    taken.close()
    near = StreamChannel(listener=None, dial=_dialler(address))
    near.tend(0.0)
    _until(lambda: near._socket is None, near)
    assert not near.connected
    assert near.budget() == 0
    near.tend(0.0)
    assert near._socket is None, "too early"
    near.reopen()
    near.tend(0.0)
    assert near._socket is not None
    near.close()


def test_a_datagram_channel_has_no_limit_and_survives_errors() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    channel = DatagramChannel(near, "any")
    assert (channel.connected, channel.budget()) == (True, math.inf)
    channel.send(b"there")
    assert far.recv(100) == b"there"
    for number in range(3):
        far.send(bytes([number]))
    assert channel.drain() == [b"\0", b"\1", b"\2"]
    assert channel.drain() == []
    assert channel.receive_errors == 0
    near.close()
    far.close()
    assert channel.drain() == []
    assert channel.receive_errors == 1


def test_ipv4_comes_with_its_header_and_ipv6_without() -> None:
    class Raw:
        """A raw socket with one packet in it."""

        def __init__(self, family: int, data: bytes) -> None:
            self.family, self._left = family, [data]

        def recv(self, size: int) -> bytes:
            if not self._left:
                raise BlockingIOError
            return self._left.pop()

        send = fileno = recv

    packet = ipv4(bytes(4), bytes(4), EXPERIMENTAL, b"datagram")
    assert IpChannel(Raw(socket.AF_INET, packet), "any").drain() == [b"datagram"]  # type: ignore[arg-type]
    assert IpChannel(Raw(socket.AF_INET6, b"datagram"), "any").drain() == [b"datagram"]  # type: ignore[arg-type]
