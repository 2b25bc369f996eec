"""Which session of the other end is believed: its first, or a new one that answers a question of ours."""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.datagrams import FLAG_REPLY, Datagram, Probe
from mpsim.tunnel.wire import SEQUENCE_MASK, microseconds

# Questions (probes), for each path, that may still be answered: an answer to something else, or a second one, says
# nothing about round-trip times, nor that a new epoch is the other end's. At `PROBE_AGAIN` those of six seconds.
MOST_QUESTIONS = 64


class Peer:
    """The other end's session, and the questions by which a new one proves itself.

    epoch: the session's number; None: nothing was heard yet

    Parameters
        paths: how many there are
    """

    __slots__ = ("_number", "_questions", "epoch")

    def __init__(self, paths: int) -> None:
        self.epoch: int | None = None
        # (number, sent_us), and what its path sent next
        self._questions: deque[tuple[tuple[int, int], int]] = deque(maxlen=MOST_QUESTIONS * paths)
        self._number = 0

    def ask(self, following: int, now: float) -> int:
        """Return the number of a question that leaves now; following: path sequence of what its path sends next."""
        self._number = self._number + 1 & SEQUENCE_MASK
        self._questions.append(((self._number, microseconds(now)), following))
        return self._number

    @property
    def unanswered(self) -> int:
        """How many questions may still be answered."""
        return len(self._questions)

    def forget_questions(self) -> None:
        """Believe no answer to what was asked until now."""
        self._questions.clear()

    def answered(self, answer: Probe) -> int | None:
        """Return what followed the question of ours that this answers for the first time; None: it answers none."""
        question = self._question(answer)
        if question is None:
            return None
        self._questions.remove(question)
        return question[1]

    def restarts(self, datagram: Datagram) -> bool:
        """Return whether a datagram of another epoch answers a question of ours: the other end has restarted."""
        if not isinstance(datagram, Probe) or not datagram.flags & FLAG_REPLY:
            return False
        question = self._question(datagram)
        if question is None:
            return False
        self._questions.clear()  # its earlier life may have answered the others
        self._questions.append(question)
        self.epoch = datagram.epoch
        return True

    def _question(self, answer: Probe) -> tuple[tuple[int, int], int] | None:
        key = (answer.number, answer.echo_us)
        return next((question for question in self._questions if question[0] == key), None)
