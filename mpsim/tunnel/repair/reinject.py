"""Reinjection: what waits on a path that has fallen silent goes over another one as well."""

from __future__ import annotations

from mpsim.tunnel.datagrams import DATA, FLAG_COPY, FLAG_REPAIR
from mpsim.tunnel.receiver import FEEDBACK_DELAY
from mpsim.tunnel.repair.base import NEVER, FlightView, Outlet, Repair

STALL, DEADLINE = "stall", "deadline"


class Reinject(Repair):
    """Copies what is in flight on a stalled path to another one, once (own rule, or that of XLINK, SIGCOMM 2021).

    Rule "stall": the path has answered nothing for `silence`, and the packet is older than the path's least
    round-trip time and `age`. Rule "deadline", as XLINK has it (Zheng et al., SIGCOMM 2021; the numbers are
    those of xquic): the packet has been in flight for longer than max(min(factor * smallest srtt, longest), least)
    and the time for which the other end may hold back its feedback, whatever the path does.

    Parameters
        rule: "stall" or "deadline"
        silence: of the path, seconds
        age: of the packet, beyond the path's least round-trip time, seconds
        factor: of the smallest smoothed round-trip time of all paths, ratio
        longest: cap of that deadline, seconds
        least: its smallest value, seconds
    """

    name = "reinject"
    positive = ("silence", "least")

    def __init__(
        self,
        *,
        rule: str = STALL,
        silence: float = 0.05,
        age: float = 0.05,
        factor: float = 1.1,
        longest: float = 0.5,
        least: float = 0.02,
    ) -> None:
        if rule not in (STALL, DEADLINE):
            raise ValueError(f'rule "{STALL}" or "{DEADLINE}"; given {rule!r}')
        self.rule = rule
        self.silence = silence
        self.age = age
        self.factor = factor
        self.longest = longest
        self.least = least

    def attach(self, outlet: Outlet) -> None:
        super().attach(outlet)
        self.reaction = self.silence if self.rule == STALL else self.least
        self._next = NEVER
        self._done = [-1] * len(outlet.paths)  # path sequences up to here have been looked at

    def next_timeout(self) -> float:
        return self._next

    def on_time(self, now: float) -> None:
        self._next = NEVER
        for path in self.outlet.paths:
            if path.up and path.bytes_in_flight:
                self._next = min(self._next, self._look(path, now))

    def deadline(self) -> float:
        """Return how long a packet may be in flight by the rule "deadline" (s)."""
        smallest = min((path.srtt for path in self.outlet.paths if path.up and path.srtt), default=self.longest)
        return max(min(self.factor * smallest, self.longest), self.least)

    def _look(self, path: FlightView, now: float) -> float:
        """Copy what is due on a path; return when to look again (s)."""
        if self.rule == DEADLINE:
            age = self.deadline() + FEEDBACK_DELAY
        else:
            stalled = path.waiting_since + self.silence
            if stalled > now:
                return stalled
            age = path.min_rtt + self.age
        if not self.outlet.alternatives(path.index):
            return now + self.reaction
        for sent in path.flight_after(self._done[path.index]):
            if sent.time + age > now:
                return sent.time + age
            self._done[path.index] = sent.path_sequence
            if sent.type == DATA and not sent.flags & (FLAG_COPY | FLAG_REPAIR):
                self.outlet.send_copy(sent, NEVER, stalled=True)
        return now + self.reaction
