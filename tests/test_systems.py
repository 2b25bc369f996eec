"""The known systems do what those that they imitate do, and fail where they fail."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import Table, build, link, links, simulate, tcp, udp

from mpsim.errors import InputError
from mpsim.result import Result
from mpsim.scenario import parse
from mpsim.systems import SYSTEMS

SILENT = [{"at": "1s", "link": "b", "up": False, "how": "silent"}]


def datagrams(result: Result, direction: str = "inbound") -> dict[str, int]:
    return {row["link"]: row["datagrams"] for row in result.data["paths"] if row["direction"] == direction}


def lost(result: Result) -> float:
    found: float = result.flow("udp")["loss_ratio"]
    return found


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_says_what_it_imitates_carries_a_flow_and_is_read_back(system: str) -> None:
    assert SYSTEMS[system].imitates
    wires = [link("8Mbit"), link("8Mbit", name="b")]
    scenario = build(wires, tcp(), tunnel={"system": system}, warmup="1s", duration="2s")
    assert parse(scenario.as_dict()) == scenario
    result = simulate(wires, tcp(), tunnel={"system": system}, warmup="1s", duration="2s")
    assert result.flow("tcp")["goodput_bps"] > 3e6


def test_tuntuntun_deals_out_packets_in_turn_and_goes_on_with_an_interface_that_is_gone() -> None:
    flow = udp("4Mbit")
    wires = links("8Mbit", "8Mbit")
    sent = datagrams(simulate(wires, flow, tunnel={"system": "tuntuntun"}, warmup="1s", duration="3s"))
    assert sent["a"] == pytest.approx(sent["b"], abs=5)  # probes among them
    gone = {
        name: lost(simulate(wires, flow, tunnel={"system": name}, warmup="1s", duration="5s", events=SILENT))
        for name in ("tuntuntun", "tuntuntun-ping")
    }
    assert gone["tuntuntun"] == pytest.approx(0.5 * 4 / 5, abs=0.01)  # every other packet of 4 of 5 seconds
    assert gone["tuntuntun-ping"] < 0.06  # some hundred milliseconds of it


def test_tuntuntun_reorders_where_its_author_plans_it() -> None:
    wires = [link("8Mbit", "10ms"), link("8Mbit", "40ms", "b")]
    disorder = {
        name: simulate(wires, udp("4Mbit"), tunnel={"system": name}, warmup="1s", duration="2s").flow("udp")
        for name in ("tuntuntun", "tuntuntun-reorder")
    }
    assert disorder["tuntuntun"]["out_of_order_ratio"] > 0.4
    assert disorder["tuntuntun-reorder"]["out_of_order_ratio"] == 0


def test_seventy_to_thirty() -> None:
    result = simulate(
        links("8Mbit", "8Mbit"), udp("4Mbit"), tunnel={"system": "tuntuntun-70-30"}, warmup="1s", duration="5s"
    )
    sent = {row["name"]: row["delivered_bps"] for row in result.data["links"] if row["direction"] == "inbound"}
    assert sent["a"] / sum(sent.values()) == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize(("rate", "metered"), [("4Mbit", (0.0, 0.1)), ("10Mbit", (2.0, 5.0))])
def test_the_metered_link_gets_the_excess(rate: str, metered: tuple[float, float]) -> None:
    wires = [link("8Mbit"), link("8Mbit", name="b", metric=1)]
    result = simulate(wires, udp(rate), tunnel={"system": "tuntuntun-metered"}, warmup="2s", duration="4s")
    carried = next(
        row["delivered_bps"] for row in result.data["links"] if (row["name"], row["direction"]) == ("b", "inbound")
    )
    assert metered[0] <= carried / 1e6 <= metered[1]


def test_mptunnel_loses_what_every_path_loses() -> None:
    wires = [link("8Mbit", loss=0.1), link("8Mbit", name="b", loss=0.2)]
    result = simulate(wires, udp("4Mbit"), tunnel={"system": "mptunnel"}, warmup="1s", duration="120s")
    assert lost(result) == pytest.approx(0.02, rel=0.1)


def swing(period: float, seconds: float) -> list[Table]:
    """Two links of 12 and 4 Mbit/s that change places every so often: 16 Mbit/s at all times."""
    rates = ("12Mbit", "4Mbit")
    steps = range(1, int(seconds / period))
    return [
        {"at": f"{step * period:.3f}s", "link": name, "rate": {"down": rates[(step + place) % 2], "up": "16Mbit"}}
        for step in steps
        for place, name in enumerate("ab")
    ]


def goodput(system: str, events: list[Table]) -> float:
    wires = [link(rate, name=name) for rate, name in (("12Mbit", "a"), ("4Mbit", "b"))]
    tunnel: dict[str, Any] = {"system": system} if system else {}
    result = simulate(wires, tcp(), tunnel=tunnel, duration="10s", events=events)
    return float(result.flow("tcp")["goodput_bps"]) / 16e6


def test_gobonding_fails_on_links_that_change_fast() -> None:
    steady, changing = (goodput("gobonding", events) for events in ([], swing(0.3, 10.0)))
    ours = goodput("", swing(0.3, 10.0))
    assert changing < 0.7 * steady
    assert changing < 0.6 * ours


def test_best_link_is_the_one_with_the_most_capacity() -> None:
    wires = [link("4Mbit"), link({"down": "16Mbit", "up": "1Mbit"}, name="b")]  # type: ignore[arg-type]
    inbound = build(wires, tcp(), tunnel={"system": "best-link"})
    outbound = build(wires, tcp(direction="outbound"), tunnel={"system": "best-link"})
    assert [scenario.link[0].name for scenario in (inbound, outbound)] == ["b", "a"]
    assert inbound.tunnel is None
    assert parse(inbound.as_dict()) == inbound


def test_proxies_exchange_two_questions_first() -> None:
    wires = [link("8Mbit", "100ms"), link("8Mbit", "100ms", "b")]
    times = {
        name: simulate(
            wires, tcp(bytes="1MB"), tunnel={"system": name, "congestion": "cubic"}, warmup="0s", duration="8s"
        ).flow("tcp")["completion_s"]
        for name in ("mptcp", "socks-over-mptcp")
    }
    assert times["socks-over-mptcp"] - times["mptcp"] == pytest.approx(0.4, abs=0.11)  # seen every 0.1 s


def test_a_system_without_a_tunnel_has_no_parts_of_one() -> None:
    with pytest.raises(InputError, match=r"tunnel.reorder: not of the system socks-over-mptcp"):
        build(links("8Mbit"), tcp(), tunnel={"system": "socks-over-mptcp", "reorder": {"mode": "none"}})
