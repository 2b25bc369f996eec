"""Requests and answers over one kernel TCP connection, while links are cut."""

from __future__ import annotations

from typing import Any

import pytest

from emulation import mptcp
from emulation.run import world
from mpsim.result import Result
from mpsim.scenario import parse

pytestmark = pytest.mark.root

needs_multipath = pytest.mark.skipif(not mptcp.doctor().ok, reason=f"Multipath TCP: {mptcp.doctor().remedy}")


def _asked(cut: tuple[str, ...], direction: str, tunnel: dict[str, Any]) -> Result:
    return world.run(
        parse(
            {
                "schema": 1,
                "name": "asked",
                "warmup": "1s",
                "duration": "4s",
                "tunnel": tunnel,
                "link": [{"name": name, "rate": "8Mbit", "delay": "10ms"} for name in ("a", "b")],
                "flow": [{"kind": "echo", "direction": direction}],
                "event": [{"at": "1500ms", "link": link, "up": False} for link in cut],
            }
        )
    )


@pytest.mark.parametrize(
    ("link", "direction", "tunnel"),
    [
        ("a", "outbound", {}),
        ("b", "inbound", {}),
        pytest.param("a", "inbound", {"system": "mptcp"}, marks=needs_multipath),
    ],
)
def test_one_of_two_links_is_cut(link: str, direction: str, tunnel: dict[str, Any]) -> None:
    result = _asked((link,), direction, tunnel)
    row = result.flow("echo1")
    assert row["sent_packets"] == pytest.approx(40, abs=1)
    assert (row["lost_packets"], row["resets"], row["mismatches"]) == (0, 0, 0)
    assert 0.020 < row["rtt_s"]["p50"] <= row["rtt_s"]["max"] < 3.0
    times = [
        value for _, entity, _, metric, value in result.rows if (entity, metric) == ("flow/echo1", "answer_time_s")
    ]
    assert max(times) == pytest.approx(row["rtt_s"]["max"], abs=1e-6)
    assert not any(reason.startswith("flow ") for reason in result.invalid_reasons)


def test_both_links_are_cut_and_what_is_not_answered_is_counted() -> None:
    row = _asked(("a", "b"), "outbound", {}).flow("echo1")
    assert row["sent_packets"] == pytest.approx(40, abs=1)
    assert row["lost_packets"] == pytest.approx(25, abs=2)
    assert row["resets"] == 0
