"""Opportunistic retransmission and penalisation (Raiciu et al., NSDI 2012, section 4.2).

When the receiver has no room because of one chunk that a slow subflow carries, an idle faster one sends
that chunk too, and the slow one is slowed down. Linux's own MPTCP does without; MPTCP 0.9x has it
(mptcp_sched.c: mptcp_rcv_buf_optimization), whose rules these are.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.hosts.mptcp.subflow import Subflow

# A chunk goes again over a subflow this many times faster, or when the slow one's window is no larger
# than this (segments).
FASTER = 4
SMALL_WINDOW = 4


class Relief:
    """What one connection did about a full receive window."""

    def __init__(self) -> None:
        self.retransmissions = 0  # chunks
        self.penalties = 0  # windows halved

    def chosen(self, idle: Sequence[Subflow], holders: Sequence[Subflow], now: float) -> Subflow | None:
        """Return which of the idle subflows is to carry the chunk that `holders` carry, fastest first; or none."""
        for subflow in sorted(idle, key=lambda one: (one.srtt, one.index)):
            self._penalise(subflow, holders, now)
            if all(_worth(subflow, one) for one in holders):
                self.retransmissions += 1
                return subflow
        return None

    def _penalise(self, subflow: Subflow, holders: Sequence[Subflow], now: float) -> None:
        """Halve the windows of slower subflows, once a round trip of the faster one."""
        if now - subflow.penalised_at < subflow.srtt:
            return
        for one in holders:
            if subflow.srtt < one.srtt and not one.tcp.in_recovery:
                one.penalise()
                self.penalties += 1
                subflow.penalised_at = now


def _worth(fast: Subflow, slow: Subflow) -> bool:
    """Return whether a chunk of `slow` would be there sooner over `fast`."""
    return slow.cwnd <= SMALL_WINDOW * slow.tcp.mss or FASTER * fast.srtt < slow.srtt or not slow.up
