"""Links that are cut and come back: how fast the tunnel is whole again, and which link carries what."""

from __future__ import annotations

import pytest
from simulating import Table, link, links, simulate, tcp, udp

from mpsim.result import Result


def cut(*names: str, how: str, at: int = 2, back: int = 5) -> list[Table]:
    return [{"at": f"{at}s", "link": name, "up": False, "how": how} for name in names] + [
        {"at": f"{back}s", "link": name, "up": True} for name in names
    ]


def carried(result: Result, name: str, begin: float, end: float) -> float:
    """Return the bits that a link carried inbound in an interval of the run (s), control datagrams included."""
    wanted = (f"link/{name}", "inbound", "throughput_bps")
    rows = [row for row in result.rows if row[1:4] == wanted and begin - 1e-9 <= row[0] < end - 1e-9]
    assert rows
    return sum(row[4] for row in rows) * 0.1


@pytest.mark.parametrize("how", ["silent", "carrier"])
@pytest.mark.parametrize(("count", "lost"), [(2, "b"), (4, "cd")])
def test_the_default_tunnel_recovers_at_once(count: int, lost: str, how: str) -> None:
    # Each event is judged to the end of its run: the return would count as a disturbance of the cut.
    events = cut(*lost, how=how, at=1, back=3)
    for happening, duration, most in ((events[: len(lost)], "4s", 1.0), (events, "6s", 2.0)):
        result = simulate(links(*["8Mbit"] * count), tcp(), tunnel={}, events=happening, duration=duration, seed=count)
        for row in result.data["failovers"][-len(lost) :]:
            assert row["recovery_s"] is not None
            assert row["recovery_s"] <= most


@pytest.mark.parametrize("tunnel", [{}, {"scheduler": "active-backup"}, {"system": "failover"}], ids=str)
def test_a_higher_metric_carries_nothing_but_while_the_lower_one_is_lost(tunnel: Table) -> None:
    wires = [link("8Mbit", name="cheap"), link("8Mbit", name="dear", metric=1)]
    result = simulate(wires, udp("4Mbit"), tunnel=tunnel, events=cut("cheap", how="silent"), duration="12s")
    packet = 1300 * 8.0
    assert carried(result, "dear", 1.0, 7.0) < 20 * packet  # probes
    assert carried(result, "dear", 8.0, 9.9) == pytest.approx(1.9 * 4e6 * 1296 / 1200, rel=0.02)
    hold = 5.0 if tunnel else 0.0
    assert carried(result, "dear", 10.5 + hold, 17.0) < 20 * packet
    assert carried(result, "cheap", 10.5 + hold, 16.9) > 0.95 * (6.4 - hold) * 4e6


def test_overflow_uses_the_dearer_link_for_the_excess_only() -> None:
    wires = [link("8Mbit", name="cheap"), link("8Mbit", name="dear", metric=1)]
    within = simulate(wires, udp("6Mbit"), tunnel={"scheduler": "overflow"}, duration="4s")
    assert carried(within, "dear", 5.0, 9.0) < 20 * 1300 * 8
    beyond = simulate(wires, udp("10Mbit"), tunnel={"scheduler": "overflow"}, duration="4s")
    assert beyond.flow("udp")["goodput_bps"] == pytest.approx(10e6, rel=0.01)
    assert carried(beyond, "cheap", 5.0, 9.0) == pytest.approx(4 * 8e6, rel=0.02)


def test_session_balancing_keeps_each_flow_on_one_link() -> None:
    tunnel = {"system": "session-balancing"}
    one = simulate(links("8Mbit", "8Mbit"), udp("4Mbit"), tunnel=tunnel, duration="3s")
    shares = sorted(carried(one, name, 5.0, 8.0) for name in "ab")
    assert shares[0] < 20 * 1300 * 8
    many = [{**udp("1Mbit"), "name": f"udp{number}"} for number in range(12)]
    spread = simulate(links("8Mbit", "8Mbit"), *many, tunnel=tunnel, duration="3s")
    assert min(carried(spread, name, 5.0, 8.0) for name in "ab") > 3e6
    assert all(row["out_of_order_ratio"] == 0 for row in spread.data["flows"])
