"""A call played by SIPp through the tunnel: it outlives one link, and not both."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from emulation import run
from emulation.doctor import Check
from emulation.run import world
from mpsim.errors import WorldError
from mpsim.result import Result
from mpsim.scenario import Scenario, parse

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp: apt-get install -y sip-tester"),
]


def cut(*names: str) -> list[dict[str, Any]]:
    return [{"at": "1s", "link": name, "up": False} for name in names]


def call(scenario: Scenario, duration: str, *names: str, **flow: Any) -> Result:
    changed = {**scenario.as_dict(), "duration": duration, "event": cut(*names), "flow": [{"kind": "voip", **flow}]}
    return world.run(parse(changed))


def test_with_one_link_cut_the_call_goes_on(two_equal: Scenario) -> None:
    result = call(two_equal, "4s", "a", direction="outbound")
    row = result.flow("voip1")
    assert row["ended_s"] is None
    assert row["answered_s"] < 0
    assert row["sent_packets"] == pytest.approx(200, abs=3)
    assert row["one_way_delay_s"]["p50"] > 0.010
    assert row["goodput_bps"] == pytest.approx(64_000, rel=0.2)
    assert row["mos"] > 1.5
    scores = {item[0]: item[4] for item in result.rows if item[1:4] == ("flow/voip1", "outbound", "mos")}
    # The last second may lack its last packets, which were not sent yet.
    assert set(scores) >= {1.0, 2.0, 3.0}
    (phones,) = result.data["emulation"]["sipp"]
    assert phones["ended"] == ["client", "server"]


def test_with_both_links_cut_the_call_ends(two_equal: Scenario) -> None:
    result = call(two_equal, "5s", "a", "b", hangup="2s")
    row = result.flow("voip1")
    assert 2 < row["ended_s"] < 4.5
    assert row["longest_gap_s"] > 0.9
    assert result.data["emulation"]["sipp"][0]["status"]["client"] == 0


def test_without_sipp_it_is_said(two_equal: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "tool", lambda name: Check(name, False, "not found", "apt-get install sip-tester"))
    with pytest.raises(WorldError, match="voip1: a call needs sipp: not found; apt-get"):
        call(two_equal, "1s")
