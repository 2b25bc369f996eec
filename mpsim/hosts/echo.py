"""Requests and answers over one TCP connection: what shows whether a connection outlives a lost link.

The dissertation's test: every so often `ping` and a number that is used once, answered by `pong` and the
same number. A request leaves on schedule, whether or not the one before it was answered. One connection
is two of the simulation's half connections, a sender and a receiver at each end, which share a flow key
a direction; their handshakes cross, so that they cost one round trip as a real one does.
"""

from __future__ import annotations

from mpsim.hosts.mptcp import MptcpReceiver, MptcpSender
from mpsim.hosts.segments import Ack
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.tunnel.packet import Packet

NEVER = float("inf")
MESSAGE = 4 + 8  # bytes: the word and the number


class Written:
    """What the application has written and the connection not taken yet."""

    def __init__(self) -> None:
        self.available = 0  # bytes

    def take(self, most: int) -> int:
        """Give up to `most` bytes."""
        size = min(most, self.available)
        self.available -= size
        return size


class EchoEnd:
    """One end of the connection.

    Parameters
        sender: of what this end writes
        receiver: of what the other end writes; its packets have the sender's flow key
        written: the sender's source
    """

    silent = False

    def __init__(
        self, sender: TcpSender | MptcpSender, receiver: TcpReceiver | MptcpReceiver, written: Written
    ) -> None:
        self.sender, self.receiver, self.written = sender, receiver, written

    def receive(self, packet: Packet, now: float) -> None:
        if isinstance(packet.payload, Ack):
            self.sender.receive(packet, now)
        else:
            before = self.receiver.delivered_bytes
            self.receiver.receive(packet, now)
            self.receiver.delays.clear()
            self.read(self.receiver.delivered_bytes - before, now)

    def read(self, size: int, now: float) -> None:
        """Take `size` bytes that came in order; none: a segment that brought nothing new, or the handshake."""

    def write(self, size: int, now: float) -> None:
        """Send `size` bytes as soon as the connection can."""
        self.written.available += size
        self.sender.push(now)

    def packets_to_send(self) -> list[Packet]:
        return self.sender.packets_to_send() + self.receiver.packets_to_send()

    def next_timeout(self) -> float:
        return min(self.sender.next_timeout(), self.receiver.next_timeout())

    def handle_timeout(self, now: float) -> None:
        if self.sender.next_timeout() <= now:
            self.sender.handle_timeout(now)
        self.receiver.handle_timeout(now)

    def stop(self, now: float) -> None:
        """Write nothing new from now on."""


class Asker(EchoEnd):
    """Opens the connection and sends a request every interval (s), the first as soon as it is there."""

    def __init__(
        self,
        sender: TcpSender | MptcpSender,
        receiver: TcpReceiver | MptcpReceiver,
        written: Written,
        *,
        interval: float = 0.1,
    ) -> None:
        super().__init__(sender, receiver, written)
        self.interval = interval
        self.asked: list[float] = []  # when each request was written, s
        self.answered: list[float] = []  # when the answers came, in the same order, s
        self._answer_bytes = 0
        self._begin = NEVER
        self._at = NEVER
        self._stopped = False

    def start(self, now: float) -> None:
        """Open the connection."""
        self.sender.start(now)

    def stop(self, now: float) -> None:
        """Send no more requests."""
        self._stopped = True
        self._at = NEVER

    def receive(self, packet: Packet, now: float) -> None:
        super().receive(packet, now)
        if self._begin == NEVER and self.sender.connected and not self._stopped:
            self._begin = self._at = now

    def read(self, size: int, now: float) -> None:
        self._answer_bytes += size
        while len(self.answered) < self._answer_bytes // MESSAGE:
            self.answered.append(now)

    def next_timeout(self) -> float:
        return min(self._at, super().next_timeout())

    def handle_timeout(self, now: float) -> None:
        super().handle_timeout(now)
        while self._at <= now:
            self.asked.append(now)
            self.write(MESSAGE, now)
            self._at = self._begin + len(self.asked) * self.interval


class Answerer(EchoEnd):
    """Answers each request as soon as all of it is there."""

    def __init__(
        self, sender: TcpSender | MptcpSender, receiver: TcpReceiver | MptcpReceiver, written: Written
    ) -> None:
        super().__init__(sender, receiver, written)
        self._opened = False
        self._rest = 0  # bytes of a request that is not complete

    def read(self, size: int, now: float) -> None:
        if not self._opened:
            self._opened = True
            self.sender.start(now)
        self._rest += size
        complete, self._rest = divmod(self._rest, MESSAGE)
        if complete:
            self.write(complete * MESSAGE, now)
