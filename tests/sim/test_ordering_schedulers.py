"""What schedulers that care for arrival, length or ratio do for flows: in simulation, end to end."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from multipathing import Multipath, Net
from simulating import Table, link, simulate, tcp, udp

from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate

FAR_APART = [link("8Mbit", "10ms"), link("8Mbit", "100ms", "b")]


def run(wires: list[Table], *flows: Table, scheduler: str, **more: Any) -> Any:
    reorder = more.pop("reorder", {"mode": "timeout", "timeout": "200ms"})
    return simulate(
        wires, *flows, tunnel={"scheduler": scheduler, "reorder": reorder}, **{"warmup": "2s", "duration": "3s", **more}
    )


@cache
def wait_for_order(scheduler: str) -> float:
    """Return how much longer half of the packets take if they are put in order, s."""
    medians = []
    for reorder in ({"mode": "none"}, {"mode": "timeout", "timeout": "1s"}):
        flow = run(FAR_APART, udp("12Mbit"), scheduler=scheduler, reorder=reorder).flow("udp")
        assert flow["goodput_bps"] == pytest.approx(12e6, rel=0.03)
        medians.append(flow["one_way_delay_s"]["p50"])
    return medians[1] - medians[0]


@pytest.mark.parametrize(("scheduler", "most"), [("sttf", 0.015), ("stms", 0.005)])
def test_what_is_sent_with_foresight_arrives_in_order(scheduler: str, most: float) -> None:
    assert wait_for_order("min-rtt") > 0.05
    assert wait_for_order(scheduler) < most


@cache
def most_held(scheduler: str) -> int:
    """Return how many segments a Multipath TCP's receiver has to keep at most."""
    net = Net([Link(ConstantRate(8e6), delay=delay, queue_packets=100) for delay in (0.01, 0.1)])
    receiver = Multipath(net, [0, 1], scheduler=scheduler, congestion="rate-pull").receiver
    net.clock.run_until(4)
    receiver.most_held, before = 0, receiver.delivered_bytes
    net.clock.run_until(7)
    assert (receiver.delivered_bytes - before) * 8 / 3 == pytest.approx(15.2e6, rel=0.03)
    return receiver.most_held


@pytest.mark.parametrize(("scheduler", "ratio"), [("sttf", 0.75), ("stms", 0.4)])
def test_a_receiver_of_multipath_tcp_has_to_keep_less(scheduler: str, ratio: float) -> None:
    assert most_held(scheduler) < ratio * most_held("min-rtt")


def test_srpt_lets_a_short_flow_pass_a_bulk_flow() -> None:
    links = [link("8Mbit"), link("8Mbit", name="b")]
    short: Table = {"name": "short", "kind": "tcp", "bytes": "200kB", "start": "1s"}
    took = {
        scheduler: run(links, tcp(), short, scheduler=scheduler).flow("short")["completion_s"]
        for scheduler in ("greedy", "srpt")
    }
    assert took["srpt"] < 0.7 * took["greedy"]


def test_musher_finds_the_ratio_of_the_links() -> None:
    result = run([link("24Mbit"), link("8Mbit", name="b")], udp("40Mbit"), scheduler="musher", warmup="5s")
    inbound = {row["link"]: row["bytes"] for row in result.data["paths"] if row["direction"] == "inbound"}
    share = inbound["a"] / sum(inbound.values())
    assert 0.65 <= share <= 0.85
    assert result.aggregation("inbound")["efficiency"] > 0.88


def test_linux_default_adds_equal_links_up() -> None:
    result = run([link("8Mbit"), link("8Mbit", name="b")], tcp(), scheduler="linux-default")
    assert result.aggregation("inbound")["efficiency"] > 0.9


def test_smallest_delay_keeps_to_the_nearer_link() -> None:
    result = run([link("8Mbit", "40ms"), link("8Mbit", "10ms", "b")], udp("5Mbit"), scheduler="smallest-delay")
    assert result.flow("udp")["loss_ratio"] == 0
    assert result.flow("udp")["one_way_delay_s"]["p99"] < 0.02


def test_peekaboo_uses_both_links() -> None:
    result = run([link("8Mbit"), link("8Mbit", "20ms", "b")], udp("20Mbit"), scheduler="peekaboo")
    assert result.aggregation("inbound")["efficiency"] > 0.6  # more than one link alone
