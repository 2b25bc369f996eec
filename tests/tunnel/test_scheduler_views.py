"""What a scheduler may see of its paths and its tunnel, and that an MPTCP connection shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from random import Random
from typing import Any

import pytest
from multipathing import MSS, Multipath, Net
from pairing import Pair

from mpsim.contract.scheduling import StubView, attached
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.tunnel.dispatch import Dispatch
from mpsim.tunnel.loss_history import LossHistory
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import PathView, Scheduler, SchedulerView, schedulers


def members(protocol: type) -> set[str]:
    return {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}


def test_paths_subflows_and_stubs_show_the_same() -> None:
    sender = connection().sender
    pair = Pair(0.01)
    (stub,) = attached(schedulers.create("greedy"), 1, 1)
    for found in (pair.local.paths[0], sender.subflows[0], stub):
        assert not {name for name in members(PathView) if not hasattr(found, name)}
    for view in (pair.local.dispatch, sender, StubView([])):
        assert not {name for name in members(SchedulerView) if not callable(getattr(view, name, None))}


def connection(net: Net | None = None) -> Multipath:
    return Multipath(net or network(), [0, 1], scheduler="round-robin", receive_window=40 * MSS)


def network() -> Net:
    return Net([Link(ConstantRate(8e6), delay=delay, queue_packets=1000) for delay in (0.01, 0.1)])


def test_episodes_of_loss() -> None:
    losses = LossHistory()
    assert (losses.in_recovery, losses.last, losses.interval(7000)) == (False, -inf, 7000)
    losses.on_lost(1.0, 10_000, 1.1)
    assert (losses.in_recovery, losses.last) == (True, 1.1)
    losses.on_lost(1.05, 12_000, 1.15)  # sent before the loss was noticed: the same episode
    losses.on_acked(1.08)
    assert (losses.in_recovery, losses.last) == (True, 1.1)
    losses.on_acked(1.12)
    assert not losses.in_recovery
    assert losses.interval(15_000) == 10_000  # between the beginning and the loss; since then 5,000
    assert losses.interval(25_000) == 15_000
    losses.on_lost(2.0, 40_000, 2.1)
    assert losses.interval(40_000) == 30_000


def test_the_loss_ratio_follows_the_last_256() -> None:
    losses = LossHistory()
    losses.count(0, 64)
    assert losses.ratio == 1 / 4
    losses.count(64, 64)  # first what was acknowledged: 3/4 of 1/4 are left, and a quarter of the rest comes on top
    assert losses.ratio == pytest.approx(3 / 16 + 1 / 4 * 13 / 16)
    losses.count(300, 0)
    assert losses.ratio == 0.0
    losses.count(0, 300)
    assert losses.ratio == 1.0


def test_extremes_of_the_smoothed_round_trip_time() -> None:
    path = Pair(0.01).local.paths[0]
    assert (path.smallest_srtt, path.largest_srtt) == (inf, 0.0)
    path.update_rtt(0.1)
    path.update_rtt(0.2)
    path.update_rtt(0.05)
    assert (path.smallest_srtt, path.largest_srtt) == pytest.approx((0.1, 0.1125))
    assert path.srtt == pytest.approx(0.1046875)


@pytest.mark.parametrize(
    ("reorder", "budget"),
    [({"mode": "timeout", "timeout": "200ms"}, 0.2 * 1.5e6), ({"mode": "none"}, 0.08 * 1.5e6)],
)
def test_a_tunnel_s_budget_is_its_rate_times_its_patience(reorder: dict[str, str], budget: float) -> None:
    pair = Pair(0.01, 0.05, tunnel={"reorder": reorder})
    dispatch = pair.local.dispatch
    assert dispatch.reorder_budget() == inf  # nothing is known of the paths
    pair.run(1.0)
    for path, rate in zip(pair.local.paths, (8e6, 4e6), strict=True):
        path.delivery_rate = rate
    assert dispatch.reorder_budget() == pytest.approx(budget)


def test_mptcp_s_budget_is_the_receive_window() -> None:
    net = network()
    sender = connection(net).sender
    most = 0
    for step in range(1, 100):
        net.clock.run_until(step * 0.01)
        assert sender.reorder_budget() == (sender._beyond - sender._una) * MSS <= 40 * MSS
        occupancy = sender.reorder_occupancy()
        assert occupancy + sender.unacknowledged() >= (sender._next - sender._una) * MSS
        most = max(most, occupancy)
    assert 0 < most <= 40 * MSS  # what went by the near subflow waits for the far one's
    assert sender.flow_bytes("data") == sender._next * MSS


class Backwards(Scheduler):
    """Sends the newest first, and counts."""

    name = "backwards"
    counts_flows = True

    def pick(self, waiting: Sequence[Packet], now: float) -> int:
        return len(waiting) - 1

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        return paths[0] if paths else None


def dispatch_with(pair: Pair, scheduler: Any) -> Dispatch:
    """A dispatch like the pair's, with another scheduler."""
    end = pair.local
    made = Dispatch(end.paths, scheduler, end.ingress, epoch=1, random=Random(1), repairs=end.repairs)
    made.paths_changed(patient=False)
    return made


def test_a_scheduler_may_pick_another_packet_and_read_what_flows_had() -> None:
    pair = Pair(0.01)
    pair.run(1.0)
    dispatch = dispatch_with(pair, Backwards())
    for number, flow in enumerate("aab"):
        pair.local.ingress.append(Packet(100 + number, flow, number), 1.0)
    dispatch.run(1.0)
    assert [datagram.packet.payload for datagram in dispatch.out] == [2, 1, 0]  # type: ignore[union-attr]
    assert [datagram.tunnel_sequence for datagram in dispatch.out] == [0, 1, 2]  # type: ignore[union-attr]
    assert [dispatch.flow_bytes(flow) for flow in "abc"] == [201, 102, 0]
    assert pair.local.dispatch.flow_bytes("a") == 0  # its scheduler does not ask
