"""Peekaboo: learns whether to wait for the fast path (Wu et al., JSAC 2020).

While the fast path has room it takes the packet. When it is full, one of two actions is chosen by a contextual
bandit (LinUCB, linear_bandit.py): send by the next path, or wait until the fast one has room. The state is of both
paths: window, bytes in flight and room, each over the last round-trip time. What one decision is worth are the
bytes acknowledged after it, each over the time since it, until 3 T with T = max(2 rtt_fast, rtt_slow); they count 0.9
in the first T, 0.7 in the second, 0.5 in the third. Once some decisions have been learnt, the better action is taken
only with a probability of its own, which stands for what no state shows.

State, alpha, discounts and T are as in code for MPQUIC and for ns-3. From memory, and parameters therefore: how many
decisions are learnt first, and the probabilities, which the paper learns itself. Ours: rates are in Mbit/s; an
acknowledgement within the fast path's round trip counts as one at its end, since it cannot be owed to the decision;
only a few decisions at a time are judged; where the paper learns anew when it notices a change, what was learnt fades
here; and a discount belongs to a period, where that for ns-3 multiplies by it with each acknowledgement, and so would
never see what the slow path brings. One decision moves one packet: where hundreds are on their way its worth is
hardly seen, and both actions look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.tunnel.schedulers.linear_bandit import LinearArm
from mpsim.units import BITS_PER_BYTE

SEND, WAIT = 0, 1
STATE = 6
# Decisions are judged this often in T; each acknowledgement is counted for all of them that are still open.
JUDGED = 2
DISCOUNTS = (0.9, 0.7, 0.5)
MEGA = 1e6
MOST = 1e10  # bytes: what a window without limit counts as


@dataclass(slots=True)
class Decision:
    """One decision that is being judged."""

    action: int
    state: list[float]
    start: float  # s
    horizon: float  # T, s
    soonest: float  # s
    reward: float = 0.0

    def count(self, acked: int, now: float) -> None:
        """Add what an acknowledgement is worth."""
        elapsed = now - self.start
        period = min(int(elapsed / self.horizon), len(DISCOUNTS) - 1) if self.horizon else 0
        rate = acked * BITS_PER_BYTE / MEGA / max(elapsed, self.soonest)
        self.reward += DISCOUNTS[period] * rate


class Peekaboo(Scheduler):
    """The fast path; when it is full a bandit (LinUCB) says whether to wait or take the next (Wu et al., JSAC 2020).

    Parameters
        alpha: how many standard deviations an action is given credit for, ratio
        memory: what a judged decision leaves of what was learnt before it, ratio (own, for learning anew)
        learning: decisions judged before the stochastic step sets in, count (from memory)
        keep_send: with this probability sending is kept when it is the better action, probability
        keep_wait: likewise waiting, probability
    """

    name = "peekaboo"

    def __init__(
        self,
        *,
        alpha: float = 0.75,
        memory: float = 0.98,
        learning: int = 50,
        keep_send: float = 0.9,
        keep_wait: float = 0.7,
    ) -> None:
        self.alpha = alpha
        self.memory = memory
        self.learning = learning
        self.keep_send = keep_send
        self.keep_wait = keep_wait
        self._arms = (LinearArm(STATE, memory), LinearArm(STATE, memory))
        self._judged = 0  # decisions so far
        self._open: list[Decision] = []
        self._waiting_for: int | None = None  # index of the path

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        ready = [path for path in paths if path.can_send(packet.size, now)]
        if not ready:
            return None
        fast = min(paths, key=lambda path: (path.srtt, path.index))
        slow = min(ready, key=lambda path: (path.srtt, path.index))
        if fast is slow:
            self._waiting_for = None
            return fast
        if fast.index == self._waiting_for:
            return None
        action = self._decide(fast, slow, now)
        self._waiting_for = fast.index if action == WAIT else None
        return slow if action == SEND else None

    def _decide(self, fast: PathView, slow: PathView, now: float) -> int:
        state = [*_rates(fast), *_rates(slow)]
        send, wait = (arm.score(state, self.alpha) for arm in self._arms)
        action = WAIT if wait > send else SEND
        if self._judged >= self.learning:
            kept = self.keep_wait if action == WAIT else self.keep_send
            if self.random.random() >= kept:
                action = SEND + WAIT - action
        horizon = max(2 * fast.srtt, slow.srtt)
        if not self._open or now >= self._open[-1].start + horizon / JUDGED:
            self._open.append(Decision(action, state, now, horizon, fast.srtt))
        return action

    def on_acked(self, path: PathView, acked: int, now: float) -> None:
        judged = 0
        for decision in self._open:
            if now > decision.start + 3 * decision.horizon:
                self._arms[decision.action].learn(decision.state, decision.reward)
                judged += 1
            elif now > decision.start:
                decision.count(acked, now)
        if judged:
            self._judged += judged
            self._open = [one for one in self._open if now <= one.start + 3 * one.horizon]


def _rates(path: PathView) -> tuple[float, float, float]:
    """Return a path's window, bytes in flight and room over its last round-trip time, Mbit/s."""
    if not path.latest_rtt:
        return 0.0, 0.0, 0.0
    scale = BITS_PER_BYTE / MEGA / path.latest_rtt
    cwnd, in_flight = min(path.cwnd, MOST), path.bytes_in_flight
    return cwnd * scale, in_flight * scale, max(0.0, cwnd - in_flight) * scale
