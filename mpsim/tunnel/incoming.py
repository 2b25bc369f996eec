"""The receiving half of an endpoint: path receivers, reorder buffers, and what is ready for the TUN."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from mpsim.tunnel.datagrams import DATA, Data, Feedback, Skip
from mpsim.tunnel.loss_detection import NEVER
from mpsim.tunnel.packet import CLASSES, Packet
from mpsim.tunnel.receiver import PathReceiver
from mpsim.tunnel.reorder import ReorderBuffer
from mpsim.tunnel.reorder.base import MOST_MISSING
from mpsim.tunnel.repair.recovery import Recovery
from mpsim.tunnel.wire import expand, microseconds

Release = Callable[[Packet], object]
# No honest sender is further ahead of what came last: at 1 Gbit/s this is more than a second of losses.
MOST_AHEAD = 1 << 17


class Incoming:
    """What came in, from the paths to the TUN.

    Parameters
        paths: how many there are
        reorder: makes the reorder buffer of a class, given where released packets go
        rejected: where to count what is refused, by cause
        negative: keep ACK and NACK by the dissertation's waiting rule
        parity: expect it, and keep what it may refer to from the beginning; otherwise from the first one on
    """

    __slots__ = (
        "_make_reorder",
        "_negative",
        "_parity",
        "_recoveries",
        "_rejected",
        "deliverable",
        "delivered_packets",
        "duplicates",
        "feedback_wanted",
        "received_data",
        "receivers",
        "recovered_packets",
        "reorder",
        "trace",
    )

    def __init__(
        self,
        paths: int,
        reorder: Callable[[Release], ReorderBuffer],
        *,
        rejected: Counter[str],
        negative: bool,
        parity: bool = False,
    ) -> None:
        self._make_reorder = reorder
        self._negative = negative
        self._parity = parity
        self._rejected = rejected
        self.receivers = [PathReceiver(negative=negative) for _ in range(paths)]
        self.reorder: dict[int, ReorderBuffer] = {}
        self._recoveries: dict[int, Recovery] = {}  # of the classes that come with parity
        self.deliverable: list[Packet] = []  # in order; the buffers append to this very list
        self.feedback_wanted = False  # some path's feedback is due now
        self.trace: list[tuple[int, int, float]] | None = None  # (class, tunnel sequence, time of release)
        self.duplicates = self.received_data = self.delivered_packets = self.recovered_packets = 0

    def waiting_bytes(self) -> int:
        """Return what the reorder buffers hold (bytes)."""
        return sum(buffer.occupancy_bytes for buffer in self.reorder.values())

    def restart(self) -> None:
        """Begin anew: the other end has."""
        self.receivers = [PathReceiver(negative=self._negative) for _ in self.receivers]
        self.reorder.clear()
        self._recoveries.clear()

    def receive(self, datagram: Data, path: int, now: float, rtt: float) -> float:  # noqa: C901  # hot
        """Take data from path number `path`; return when its feedback or its wait is due (s).

        rtt: of the path, s. What came before, or is too far ahead, is dropped and counted.
        """
        receiver = self.receivers[path]
        number = datagram.path_sequence
        if number != receiver.expected and receiver.anything_received:
            number = expand(number, receiver.expected)
            if number > receiver.expected + MOST_AHEAD:
                return self._reject("ahead")
        sequence = datagram.tunnel_sequence
        buffer = self.reorder.get(datagram.cls)
        if buffer is None:
            if datagram.cls >= CLASSES:
                return self._reject("class")
            buffer = self._open_class(datagram.cls, sequence)
        if sequence != buffer.expected:
            sequence = expand(sequence, buffer.expected)
            if sequence > buffer.expected + MOST_AHEAD:
                return self._reject("ahead")
        if number < 0 or sequence < 0:
            return self._reject("replayed")
        # What is too late for feedback may still be new: its tunnel sequence says so.
        if not receiver.receive(number, datagram.size, datagram.sent_us, now) and not receiver.has_forgotten(number):
            return self._reject("replayed")
        due = receiver.feedback_due
        if due <= now:
            # It leaves with the next datagrams: only what is later needs the clock.
            self.feedback_wanted = True
            due = NEVER
        if self._negative:
            due = min(due, receiver.wait_ends(rtt))
        self.received_data += 1
        packet = datagram.packet
        if datagram.type != DATA:
            return min(due, self._take_parity(sequence, datagram, buffer, now))
        if self.trace is not None:
            packet.cls, packet.number = datagram.cls, sequence
        if not buffer.insert(sequence, packet, now, path, number, datagram.sent_us):
            self.duplicates += 1
        elif buffer.occupancy_bytes == packet.size or (buffer.eager and buffer.occupancy_bytes):
            # The first to be held. Those after it are due later, and a time too early is harmless.
            due = min(due, buffer.next_timeout())
        if self._recoveries:
            recovery = self._recoveries.get(datagram.cls)
            if recovery is not None:
                return min(due, self._insert_recovered(recovery.on_packet(sequence, packet), datagram, buffer, now))
        return due

    def _open_class(self, cls: int, sequence: int) -> ReorderBuffer:
        """Begin with a class whose first packet has this number: if it is high, this end has restarted."""
        buffer = self.reorder[cls] = self._make_reorder(self.deliverable.append)
        buffer.expected = max(0, sequence - MOST_MISSING)
        if self._parity:
            self._recoveries[cls] = Recovery()
        return buffer

    def _take_parity(self, first: int, datagram: Data, buffer: ReorderBuffer, now: float) -> float:
        """Compute what the parity of a block that begins at `first` allows."""
        recovery = self._recoveries.get(datagram.cls)
        if recovery is None:
            recovery = self._recoveries[datagram.cls] = Recovery()
        return self._insert_recovered(recovery.on_parity(first, datagram), datagram, buffer, now)

    def _insert_recovered(
        self, recovered: list[tuple[int, Packet]], datagram: Data, buffer: ReorderBuffer, now: float
    ) -> float:
        for sequence, packet in recovered:
            self.recovered_packets += 1
            packet.cls, packet.number = datagram.cls, sequence
            buffer.insert(sequence, packet, now)
        return buffer.next_timeout() if recovered else NEVER

    def _reject(self, cause: str) -> float:
        self._rejected[cause] += 1
        return NEVER

    def skip(self, skip: Skip, now: float) -> None:
        """Do not wait for what the other end has given up."""
        buffer = self.reorder.get(skip.cls)
        if buffer is not None:
            expected = buffer.expected
            buffer.skip([(expand(first, expected), length) for first, length in skip.ranges], now)

    def take(self, now: float) -> list[Packet]:
        """Take the inner packets for the TUN, in order."""
        taken = self.deliverable[:]
        self.deliverable.clear()
        self.delivered_packets += len(taken)
        if self.trace is not None:
            self.trace.extend((packet.cls, packet.number, now) for packet in taken)
        return taken

    def feedback(self, about: int, by: int, *, epoch: int, sequence: int, overhead: int, now: float) -> Feedback:
        """Return feedback about path `about` to leave by path `by`, and count from here on anew."""
        receiver = self.receivers[about]
        ack, nack = receiver.wire_ack()
        feedback = Feedback(
            epoch,
            by,
            sequence,
            microseconds(now),
            about,
            receiver.ranges_to_report(),
            microseconds(receiver.received),
            receiver.echo_us,
            ack,
            nack,
            receiver.marks,
            overhead,
        )
        receiver.feedback_sent()
        return feedback

    def on_time(self, now: float) -> float:
        """Release what has waited long enough; return when to look again (s)."""
        due = NEVER
        for buffer in self.reorder.values():
            if buffer.occupancy_bytes:
                buffer.on_timeout(now)
                due = min(due, buffer.next_timeout())
        return due
