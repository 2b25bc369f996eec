"""The sessions of an association that live at once: the last few, the current, and those that may become the next.

So many generations that renewing keys loses no datagram: what was sealed by the old keys is still on its way, and an
answered initiation is no session to seal by until the other end has shown that it has the keys, too. Two ends that
begin at the same time, as both do after a silence, make two sessions within a round trip.
"""

from __future__ import annotations

from collections import deque

from mpsim.tunnel.security.session import REJECT_AFTER, Session

_MOST_NUMBERS = 255  # one byte; 0 is for what is not sealed
_MOST_EARLIER = 3


class Sessions:
    """Which session seals, and which may open.

    current: seals; None: there is none; earlier: only open, the newest first; waiting: answered and not confirmed, the
    oldest first.

    Parameters
        number: where to begin numbering this end's keys
        most_waiting: of more the oldest are forgotten
    """

    __slots__ = ("_number", "current", "earlier", "waiting")

    def __init__(self, number: int, most_waiting: int) -> None:
        self.earlier: deque[Session] = deque(maxlen=_MOST_EARLIER)
        self.current: Session | None = None
        self.waiting: deque[Session] = deque(maxlen=most_waiting)
        self._number = number

    def find(self, number: int, now: float) -> Session | None:
        """Return the session that this end gave the number, if it may open still."""
        current = self.current
        if current is not None and current.number == number and now - current.born < REJECT_AFTER:
            return current
        for session in (*self.waiting, *self.earlier):
            if session.number == number and now - session.born < REJECT_AFTER:
                return session
        return None

    def replace(self, session: Session) -> None:
        """Let a session be the current one."""
        if self.current is not None:
            self.earlier.appendleft(self.current)
        self.current = session

    def confirm(self, session: Session) -> bool:
        """Take note that the other end has the keys of a session; return whether it has become the current by that."""
        if session is self.current or session in self.earlier:
            return False
        self.replace(session)
        self.waiting.clear()
        return True

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        while self.earlier and now - self.earlier[-1].born >= REJECT_AFTER:
            self.earlier.pop()
        while self.waiting and now - self.waiting[0].born >= REJECT_AFTER:
            self.waiting.popleft()
        if self.current is not None and self.current.expired(now):
            self.current = None

    def new_number(self) -> int:
        """Return a number for new keys that none of those alive has."""
        alive = (*self.earlier, self.current, *self.waiting)
        live = {session.number for session in alive if session is not None}
        while True:
            self._number = self._number % _MOST_NUMBERS + 1
            if self._number not in live:
                return self._number
