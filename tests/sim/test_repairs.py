"""Repairs in the simulated world: what they leave of random loss, of a silent link, and what a TCP flow makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from simulating import Table, build, link, simulate, tcp, udp

from mpsim.pcap import read_pcap
from mpsim.scenario import parse
from mpsim.scenario.files import named_files
from mpsim.sim import run
from mpsim.tunnel.repair.codes import parity_of
from mpsim.tunnel.wire import OUTER_SIZE, Data, Parity, decode

LOSSY = [link("8Mbit", "10ms", name, loss=0.01) for name in "ab"]


def lossy(*ratios: float, rate: str = "16Mbit") -> list[Table]:
    return [link(rate, "10ms", name, loss=ratio, queue="1000p") for name, ratio in zip("abcd", ratios, strict=False)]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("mode", ["timeout", "adaptive", "detect"])
def test_retransmission_hides_random_loss_from_a_tcp_flow(mode: str, seed: int) -> None:
    tunnel = {"repair": ["retransmit"], "reorder": {"mode": mode}}
    result = simulate(LOSSY, tcp("cubic"), tunnel=tunnel, warmup="2s", duration="6s", seed=seed)
    assert result.aggregation("inbound")["efficiency"] > 0.85
    assert sum(row["retransmitted"] for row in result.data["paths"] if row["direction"] == "inbound") > 50


def test_without_it_the_flow_has_a_third_of_that() -> None:
    result = simulate(LOSSY, tcp("cubic"), tunnel={}, warmup="2s", duration="6s")
    assert result.aggregation("inbound")["efficiency"] < 0.4
    assert all(row["retransmitted"] == row["reinjected"] == 0 for row in result.data["paths"])


@pytest.mark.parametrize("ratio", [0.01, 0.05])
@pytest.mark.parametrize("mode", ["timeout", "detect"])
def test_retransmission_leaves_no_random_loss_within_the_budget(mode: str, ratio: float) -> None:
    tunnel = {"repair": ["retransmit"], "reorder": {"mode": mode, "timeout": "300ms"}, "congestion": "none"}
    result = simulate(lossy(ratio, ratio), udp("4Mbit"), tunnel=tunnel, warmup="1s", duration="10s")
    flow = result.flow("udp")
    assert flow["sent_packets"] > 4000
    assert flow["lost_packets"] <= 1
    assert flow["out_of_order_ratio"] < 0.001
    assert result.data["tunnel"]["in_order_delay_s"]["p99"] < 0.3


def test_copies_leave_the_product_of_the_losses() -> None:
    tunnel = {"repair": [{"name": "duplicate", "classes": ["udp"]}], "congestion": "none"}
    small = {**udp("1Mbit"), "packet_size": 100}
    flow = simulate(lossy(0.1, 0.2), small, tunnel=tunnel, warmup="1s", duration="20s").flow("udp")
    assert flow["loss_ratio"] == pytest.approx(0.1 * 0.2, rel=0.1)


def test_parity_leaves_what_coding_theory_says() -> None:
    loss, packets = 0.03, 8
    tunnel = {
        "repair": [{"name": "parity", "packets": packets}],
        "scheduler": "round-robin",
        "congestion": "none",
        "reorder": {"mode": "timeout", "timeout": "300ms"},
    }
    small = {**udp("1Mbit"), "packet_size": 100}
    result = simulate(lossy(loss, loss), small, tunnel=tunnel, warmup="1s", duration="20s")
    # A packet stays lost if one more of its block, or the parity, is lost too.
    left = loss * (1 - (1 - loss) ** packets)
    assert result.flow("udp")["loss_ratio"] == pytest.approx(left, rel=0.15)
    recovered = result.data["tunnel"]["recovered_packets"]
    assert recovered == pytest.approx((loss - left) * result.flow("udp")["sent_packets"], rel=0.15)


def test_a_silent_link_costs_less_with_reinjection() -> None:
    wires = [link("8Mbit", "10ms", name) for name in "ab"]
    cut: Sequence[Table] = [{"at": "2s", "link": "a", "up": False}]
    lost: dict[str, int] = {}
    for repair in ([], ["reinject"], ["reinject", "retransmit"]):
        tunnel: dict[str, Any] = {"repair": repair, "reorder": {"mode": "timeout", "timeout": "200ms"}}
        result = simulate(wires, udp("4Mbit"), tunnel=tunnel, warmup="1s", duration="5s", events=cut)
        lost["+".join(repair)] = result.flow("udp")["lost_packets"]
        again = {row["link"]: row["reinjected"] for row in result.data["paths"] if row["direction"] == "inbound"}
        assert again["a"] == 0
        assert (again["b"] > 0) == bool(repair)
    assert lost[""] > 5
    assert lost["reinject"] == lost["reinject+retransmit"] == 0


@pytest.mark.parametrize("mode", ["timeout", "adaptive", "equalise", "detect"])
def test_a_way_through_bytes_changes_nothing(mode: str) -> None:
    repair = ["retransmit", "reinject", {"name": "duplicate", "classes": ["udp"], "share": 0.5}, "parity"]
    tunnel = {"repair": repair, "reorder": {"mode": mode}}
    flows = (tcp("cubic"), udp("1Mbit"))
    wires = [link("8Mbit", "10ms", loss=0.02), link("4Mbit", "30ms", "b", loss=0.02)]
    events: Sequence[Table] = [{"at": "1s", "link": "a", "up": False}, {"at": "2s", "link": "a", "up": True}]
    scenario = build(wires, *flows, tunnel=tunnel, warmup="1s", duration="3s", events=events)
    direct, through_bytes = run(scenario), run(scenario, through_bytes=True)
    assert direct.series_csv() == through_bytes.series_csv()
    assert direct.data["flows"] == through_bytes.data["flows"]
    assert direct.data["paths"] == through_bytes.data["paths"]
    assert direct.data["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}


def test_a_capture_shows_parity_that_its_own_packets_give(tmp_path: Path) -> None:
    tunnel = {"repair": [{"name": "parity", "packets": 4, "parity": 2}], "congestion": "none"}
    wires = [link("8Mbit", "10ms", name) for name in "ab"]
    run(build(wires, udp("1Mbit"), tunnel=tunnel, warmup="0.5s", duration="0.5s"), pcap=tmp_path)
    inner: dict[int, bytes] = {}
    parity: list[Parity] = []
    for name in "ab":
        for _, captured in read_pcap(tmp_path / f"link-{name}-inbound.pcap"):
            datagram = decode(captured[OUTER_SIZE:])
            if isinstance(datagram, Parity):
                parity.append(datagram)
            elif isinstance(datagram, Data):
                inner[datagram.tunnel_sequence] = datagram.packet.payload
    assert len(parity) > 20
    for one in parity:
        protected = [inner[one.tunnel_sequence + position] for position in range(one.block)]
        assert one.packet.payload == parity_of(one.index, protected)


MINE = """
from mpsim.tunnel.repair import Repair

class Mine(Repair):
    \"""Sends again what is lost, once.\"""

    name = "mine"

    def on_lost(self, lost, now):
        if lost.flags:
            return False
        self.outlet.send_again(lost, lost.time, now + 1.0)
        return True
"""


def test_a_repair_of_ones_own_is_taken_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    tunnel = {"repair": ["mine.py:Mine"], "congestion": "none", "reorder": {"mode": "timeout", "timeout": "300ms"}}
    table = build(lossy(0.05, 0.05), udp("4Mbit"), tunnel={}, warmup="1s", duration="5s").as_dict()
    scenario = parse({**table, "tunnel": tunnel}, tmp_path)
    flow = run(scenario).flow("udp")
    assert flow["loss_ratio"] == pytest.approx(0.05**2, abs=0.002)
    assert named_files(scenario.as_dict()) == ["mine.py"]
    swept = {"sweep": {"tunnel.repair": [["mine.py:Mine"], []]}}
    assert named_files(swept) == ["mine.py"]


@pytest.mark.parametrize(("mode", "disorder"), [("equalise", 0.02), ("adaptive", 0.001), ("detect", 0.001)])
def test_unequal_delays_are_put_in_order(mode: str, disorder: float) -> None:
    wires = [link("8Mbit", "10ms"), link("8Mbit", "40ms", "b")]
    tunnel = {"scheduler": "round-robin", "congestion": "none", "reorder": {"mode": mode}}
    result = simulate(wires, udp("10Mbit"), tunnel=tunnel, warmup="1s", duration="5s")
    flow = result.flow("udp")
    assert flow["lost_packets"] == 0
    assert flow["out_of_order_ratio"] <= disorder
    # Nobody waits for longer than the slower link takes: 40 ms, 1.3 ms to send, and the hold's own margin.
    assert 0.040 < result.data["tunnel"]["in_order_delay_s"]["p99"] < 0.050
