"""A simulated call: what it sounds like, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import links, simulate

from mpsim.result import Result


def cut(at: str, back: str, *names: str) -> list[dict[str, Any]]:
    return [
        event
        for name in names
        for event in ({"at": at, "link": name, "up": False}, {"at": back, "link": name, "up": True})
    ]


def call(*events: dict[str, Any], direction: str = "inbound", **more: Any) -> Result:
    flow = {"name": "call", "kind": "voip", "direction": direction, **more}
    return simulate(links("8Mbit", "8Mbit"), flow, tunnel={}, warmup="2s", duration="20s", events=list(events))


def scores(result: Result, direction: str) -> dict[float, float]:
    return {row[0]: row[4] for row in result.rows if row[1:4] == ("flow/call", direction, "mos")}


def test_an_undisturbed_call() -> None:
    result = call()
    row = result.flow("call")
    assert row["mos"] == pytest.approx(4.41, abs=0.005)
    assert (row["sent_packets"], row["lost_packets"], row["late_packets"]) == (1000, 0, 0)
    assert row["goodput_bps"] == pytest.approx(64_000)
    assert row["longest_gap_s"] == pytest.approx(0.02, abs=0.001)
    assert row["ended_s"] is None
    # A round trip after the call began, with the warm-up.
    assert row["answered_s"] == pytest.approx(-2 + 0.0412, abs=0.002)
    for direction in ("inbound", "outbound"):
        assert list(scores(result, direction)) == [float(second) for second in range(22)]


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_with_one_link_cut_the_call_goes_on(direction: str) -> None:
    result = call(*cut("5s", "15s", "a"), direction=direction)
    row = result.flow("call")
    assert row["ended_s"] is None
    assert row["longest_gap_s"] < 1.0
    assert row["mos"] > 4.0
    found = scores(result, direction)
    assert len(found) == 22
    assert found[10.0] == pytest.approx(4.41, abs=0.01)


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_with_both_links_cut_the_call_ends(direction: str) -> None:
    result = call(*cut("5s", "15s", "a", "b"), direction=direction)
    row = result.flow("call")
    assert 5 + 5 - 1.1 < row["ended_s"] < 5 + 5.1
    assert row["longest_gap_s"] == pytest.approx(row["ended_s"] - 5, abs=0.1)
    found = scores(result, direction)
    assert max(found) < 2 + row["ended_s"]
    assert found[6.0] == pytest.approx(4.41, abs=0.2)
    assert found[8.0] == 1.0
    throughput = {item[0]: item[4] for item in result.rows if item[1:4] == ("flow/call", direction, "throughput_bps")}
    assert throughput[20.0] == 0


def test_a_second_without_any_link_does_not_end_it() -> None:
    row = call(*cut("5s", "6s", "a", "b")).flow("call")
    assert row["ended_s"] is None
    assert row["longest_gap_s"] > 0.9


def test_who_is_patient_stays() -> None:
    assert call(*cut("5s", "15s", "a", "b"), hangup="15s").flow("call")["ended_s"] is None


def test_concealment_and_playout_matter() -> None:
    def lossy(**more: Any) -> dict[str, Any]:
        wires = links("8Mbit", "8Mbit")
        for wire in wires:
            wire["loss"] = 0.03
        return simulate(wires, {"name": "call", "kind": "voip", **more}, tunnel={}, warmup="2s").flow("call")

    concealed, bare, slow = lossy(), lossy(concealment=False), lossy(playout="300ms")
    assert concealed["lost_packets"] == bare["lost_packets"] > 0
    assert bare["mos"] < concealed["mos"] < 4.41
    assert slow["mos"] < concealed["mos"]


def test_the_same_call_twice_is_the_same() -> None:
    assert (
        call(*cut("5s", "6s", "a")).to_json().split('"wall_s"')[0]
        == call(*cut("5s", "6s", "a")).to_json().split('"wall_s"')[0]
    )
