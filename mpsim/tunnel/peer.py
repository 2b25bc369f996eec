"""Which session of the other end is believed: its first, or a new one that answers a question of ours."""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.datagrams import FLAG_REPLY, Datagram, Probe
from mpsim.tunnel.wire import SEQUENCE_MASK, microseconds

# Questions (probes), for each path, whose answer proves that a new epoch is the other end's, not noise.
MOST_QUESTIONS = 16


class Peer:
    """The other end's session, and the questions by which a new one proves itself.

    epoch: the session's number; None: nothing was heard yet

    Parameters
        paths: how many there are
    """

    __slots__ = ("_number", "_questions", "epoch")

    def __init__(self, paths: int) -> None:
        self.epoch: int | None = None
        self._questions: deque[tuple[int, int]] = deque(maxlen=MOST_QUESTIONS * paths)  # (number, sent_us)
        self._number = 0

    def ask(self, now: float) -> int:
        """Return the number of a question that leaves now."""
        self._number = self._number + 1 & SEQUENCE_MASK
        self._questions.append((self._number, microseconds(now)))
        return self._number

    def answered(self, answer: Probe) -> None:
        """Take note of an answer: it proves something once."""
        question = (answer.number, answer.echo_us)
        if question in self._questions:
            self._questions.remove(question)

    def restarts(self, datagram: Datagram) -> bool:
        """Return whether a datagram of another epoch answers a question of ours: the other end has restarted."""
        if not isinstance(datagram, Probe) or not datagram.flags & FLAG_REPLY:
            return False
        if (datagram.number, datagram.echo_us) not in self._questions:
            return False
        self._questions.clear()
        self.epoch = datagram.epoch
        return True
