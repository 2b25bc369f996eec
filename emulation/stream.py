"""The channel of a path over TCP (channels.py): datagrams in a stream; a connection that is lost is made again."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable

from emulation.sockets import UNSENT, retransmitted, unsent
from mpsim.portal.sockets import LONGEST_DATAGRAM

_LENGTH = struct.Struct("!I")  # before each datagram
_PIECE = 256 * 1024  # bytes read at once
RETRY = 0.5  # s between two attempts to connect


class StreamChannel:
    """One TCP connection, each datagram behind its length in 32 bits; the side that connects does so again and again.

    Parameters
        listener: waits for the other portal; None: this side connects
        dial: opens a socket that is being connected, or raises OSError; None: this side listens
    """

    def __init__(self, *, listener: socket.socket | None, dial: Callable[[], socket.socket] | None) -> None:
        self._epoll = select.epoll()
        self._listener = listener
        self._dial = dial
        self._socket: socket.socket | None = None
        self._retry_at = 0.0
        self._wanted = select.EPOLLIN
        self._out = bytearray()
        self._in = bytearray()
        self.connected = False
        self.receive_errors = 0
        self.unsent = 0
        self.connections = 0
        self._repeated = 0  # segments, by connections that have ended
        if listener is not None:
            self._epoll.register(listener.fileno(), select.EPOLLIN)

    def fileno(self) -> int:
        """Return the descriptor to wait for: it stays while connections come and go (epoll(7), nested)."""
        return self._epoll.fileno()

    def send(self, data: bytes) -> None:
        """Put a datagram at the end of the stream; `flush` lets it go."""
        if not self.connected:
            self.unsent += 1
            return
        self._out += _LENGTH.pack(len(data))
        self._out += data

    def flush(self) -> None:
        """Give the kernel what it takes; the rest follows when there is room."""
        while self._out and self._socket is not None:
            try:
                del self._out[: self._socket.send(self._out)]
            except BlockingIOError:
                self.wait_for_room()
                return
            except OSError:
                self._hang_up()

    def budget(self) -> float:
        """Return how many bytes may be sent now."""
        if self._socket is None or not self.connected:
            return 0.0
        return float(UNSENT - unsent(self._socket) - len(self._out))

    def wait_for_room(self) -> None:
        """Let the descriptor become ready when the kernel has sent most of what it holds (TCP_NOTSENT_LOWAT)."""
        self._watch(select.EPOLLIN | select.EPOLLOUT)

    def drain(self) -> list[bytes]:
        """Take the datagrams that have arrived; see to connections that come and go."""
        for descriptor, events in self._epoll.poll(0):
            if self._listener is not None and descriptor == self._listener.fileno():
                self._accept()
            elif self._socket is None or descriptor != self._socket.fileno():
                continue
            elif not self.connected:
                self._on_connected()
            else:
                if events & select.EPOLLOUT:
                    self._watch(select.EPOLLIN)
                    self.flush()
                if events & ~select.EPOLLOUT:
                    self._read()
        return self._take()

    def tend(self, now: float) -> None:
        """Connect if there is no connection and it is time (s) to try."""
        if self._dial is None or self._socket is not None or now < self._retry_at:
            return
        self._retry_at = now + RETRY
        try:
            self._adopt(self._dial())
        except OSError:
            self.receive_errors += 1

    def dropped(self) -> int:
        """Return 0: TCP asks again for what it had to drop."""
        return 0

    def retransmitted(self) -> int:
        """Return how many segments were sent again."""
        return self._repeated + (retransmitted(self._socket) if self._socket is not None else 0)

    def reopen(self) -> None:
        """Connect anew at once if no connection was made so far; one that exists goes on."""
        if self._dial is not None and not self.connected:
            self._hang_up()
            self._retry_at = 0.0

    def close(self) -> None:
        """End it."""
        self._hang_up()
        if self._listener is not None:
            self._listener.close()
        self._epoll.close()

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # it has gone before we looked
            return
        accepted.setblocking(False)
        self._hang_up()  # the other end would not have come anew if it still had the old one
        self._adopt(accepted)
        self._up()

    def _adopt(self, opened: socket.socket) -> None:
        self._socket = opened
        self._wanted = select.EPOLLIN | select.EPOLLOUT
        self._epoll.register(opened.fileno(), self._wanted)

    def _on_connected(self) -> None:
        assert self._socket is not None
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._hang_up()
        else:
            self._up()

    def _up(self) -> None:
        self.connected = True
        self.connections += 1
        self._watch(select.EPOLLIN)

    def _watch(self, events: int) -> None:
        if self._socket is not None and events != self._wanted:
            self._wanted = events
            self._epoll.modify(self._socket.fileno(), events)

    def _read(self) -> None:
        assert self._socket is not None
        try:
            piece = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if piece:
            self._in += piece
        else:
            self._hang_up()

    def _take(self) -> list[bytes]:
        data, begin = self._in, 0
        found: list[bytes] = []
        while len(data) - begin >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, begin)
            if length > LONGEST_DATAGRAM:  # no datagram of ours: nothing after it can be understood
                self.receive_errors += 1
                self._hang_up()
                return found
            end = begin + _LENGTH.size + length
            if end > len(data):
                break
            found.append(bytes(data[begin + _LENGTH.size : end]))
            begin = end
        del data[:begin]
        return found

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._repeated += retransmitted(self._socket)
            self._socket.close()  # which takes it out of the epoll set, too
        self._socket = None
        self.connected = False
        self._out.clear()
        self._in.clear()
