"""Vivace, C2TCP, Verus and Sprout in whole scenarios: what they fill, and what queue they leave."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import Table, link, links, simulate, tcp, udp

from mpsim.result import Result

FRAMING = 1448 / 1500
MBIT = 1e6


def goodput(result: Result) -> float:
    """Of the flow, Mbit/s."""
    return float(result.data["flows"][0]["goodput_bps"]) / MBIT


def queue(result: Result, percent: str) -> float:
    """Queueing delay towards the client, s."""
    (row,) = (row for row in result.data["links"] if row["direction"] == "inbound")
    return float(row["queue_delay_s"][percent])


def alone(congestion: str | Table, rate: str, delay: str, **more: Any) -> Result:
    """One TCP over one link with room for 500 packets."""
    return simulate([link(rate, delay, queue="500p")], tcp(congestion), **{"warmup": "4s", "duration": "8s", **more})


@pytest.mark.parametrize(("rate", "delay"), [("8Mbit", "20ms"), ("16Mbit", "10ms"), ("16Mbit", "30ms")])
def test_vivace_converges_to_the_links_rate_with_little_queue(rate: str, delay: str) -> None:
    result = alone("vivace", rate, delay, warmup="10s")
    assert goodput(result) > 0.9 * FRAMING * float(rate.removesuffix("Mbit"))
    assert queue(result, "p50") < 0.006
    assert queue(result, "p95") < 0.025


@pytest.mark.parametrize("setpoint", ["0.1", "0.15"])
def test_c2tcp_keeps_the_round_trip_near_its_setpoint(setpoint: str) -> None:
    result = alone({"name": "c2tcp", "setpoint": float(setpoint), "interval": float(setpoint)}, "8Mbit", "20ms")
    assert goodput(result) > 0.9 * FRAMING * 8
    assert 0.04 + queue(result, "p95") == pytest.approx(float(setpoint), rel=0.25)
    assert queue(alone("cubic", "8Mbit", "20ms"), "p95") > 2 * float(setpoint)  # CUBIC alone fills the buffer


@pytest.mark.parametrize(("rate", "delay"), [("8Mbit", "20ms"), ("16Mbit", "10ms")])
def test_verus_keeps_the_round_trip_near_its_bound(rate: str, delay: str) -> None:
    # The average of the largest delays is to be at most twice the least one.
    least = 2 * float(delay.removesuffix("ms")) / 1e3
    result = alone("verus", rate, delay)
    assert goodput(result) > 0.9 * FRAMING * float(rate.removesuffix("Mbit"))
    assert least + queue(result, "p50") < 2.2 * least
    assert least + queue(result, "p95") < 2.6 * least


VARYING = [
    {"at": f"{number}s", "link": "a", "rate": rate}
    for number, rate in enumerate(["2Mbit", "6Mbit", "1Mbit", "8Mbit", "3Mbit", "5Mbit", "2Mbit", "8Mbit"])
]
MEAN = (2 + 6 + 1 + 8 + 3 + 5 + 2 + 8) / 8


def test_sprout_bounds_the_delay_on_a_varying_link() -> None:
    sprout, cubic = (alone(name, "8Mbit", "10ms", events=VARYING) for name in ("sprout", "cubic"))
    assert queue(sprout, "p95") < 0.1  # what it looks ahead
    assert queue(cubic, "p95") > 5 * queue(sprout, "p95")
    assert goodput(sprout) > 0.6 * FRAMING * MEAN


def test_verus_follows_a_varying_link() -> None:
    verus, cubic = (alone(name, "8Mbit", "10ms", events=VARYING) for name in ("verus", "cubic"))
    assert goodput(verus) > 0.7 * FRAMING * MEAN
    assert queue(cubic, "p95") > 2 * queue(verus, "p95")


@pytest.mark.parametrize("name", ["vivace", "c2tcp", "verus", "sprout", "olia", "balia", "wvegas"])
def test_each_works_on_a_tunnels_paths(name: str) -> None:
    result = simulate(
        links("8Mbit", "8Mbit", delay="5ms"),
        udp("20Mbit"),
        tunnel={"congestion": name},
        warmup="3s",
        duration="4s",
    )
    row = result.aggregation("inbound")
    assert row["ratio"] > 0.7 * row["framing_limit"]
