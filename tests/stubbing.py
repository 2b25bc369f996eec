"""Paths and a tunnel that a test sets as it likes, for the rules of schedulers."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from random import Random
from typing import Any

from mpsim.contract.scheduling import StubPath, StubView
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import Scheduler

MSS = 1000


def path(index: int, *, srtt: float = 0.02, cwnd: float = 10, in_flight: float = 0, **more: Any) -> StubPath:
    """A path that is up, without losses or deviations; cwnd and in_flight in packets of 1000 bytes."""
    one = StubPath(index, Random(index))
    one.mss = MSS
    one.srtt = one.min_rtt = one.latest_rtt = one.smallest_srtt = one.largest_srtt = srtt
    one.rttvar = one.delivery_rate = one.loss_ratio = 0.0
    one.ssthresh, one.pacing_rate = inf, None
    one.cwnd, one.bytes_in_flight = float(cwnd * MSS), int(in_flight * MSS)
    for name, value in more.items():
        assert hasattr(one, name)
        setattr(one, name, value)
    return one


class View(StubView):
    """A tunnel in whose ingress queue so many bytes wait."""

    def __init__(self, paths: Sequence[StubPath], waiting: int = MSS) -> None:
        super().__init__(paths)
        self.bytes = waiting

    def backlog(self) -> int:
        return self.bytes


def attach(scheduler: Scheduler, paths: Sequence[StubPath], waiting: int = MSS) -> View:
    """Give a scheduler a tunnel to look at; return that."""
    view = View(paths, waiting)
    scheduler.attach(view, Random(1))
    return view


def packet(flow: object = "flow", size: int = MSS) -> Packet:
    """A packet of 1000 bytes, if nothing else is said, that has waited since 0 s."""
    made = Packet(size, flow, None)
    made.entered = 0.0
    return made


def ask(scheduler: Scheduler, paths: Sequence[StubPath], now: float = 0.0, of: Packet | None = None) -> list[int]:
    """Return the indices of the chosen paths; none: it waits."""
    answer = scheduler.select(of or packet(), paths, now)
    if answer is None:
        return []
    chosen = answer if isinstance(answer, Sequence) else [answer]
    return [one.index for one in chosen]


def carry(scheduler: Scheduler, paths: Sequence[StubPath], now: float = 0.0, of: Packet | None = None) -> list[int]:
    """Ask, and let the packet leave or wait on its paths."""
    wanted = of or packet()
    chosen = ask(scheduler, paths, now, wanted)
    for one in paths:
        if one.index not in chosen:
            continue
        if one.can_send(wanted.size, now):
            one.bytes_in_flight += wanted.size
            scheduler.on_sent(one, wanted, now)
        else:
            one.queued_bytes += wanted.size
    return chosen
