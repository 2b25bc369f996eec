"""A delay that changes: by the time of departure, repeated, and never so that packets overtake each other."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mpsim.access_links import build_link
from mpsim.errors import InputError
from mpsim.network.link import Link
from mpsim.network.rate import ConstantRate
from mpsim.network.varying_delay import VaryingDelay
from mpsim.scenario import load, parse
from mpsim.scenario.files import named_files

SCENARIO = """
schema = 1
name = "delayed"
warmup = "1s"
duration = "2s"
[[link]]
name = "a"
rate = "8Mbit"
delay = "5ms"
trace = { delay_down = "owd", offset = "10ms" }
[[flow]]
kind = "ping"
"""


def test_steps_repeat() -> None:
    delays = VaryingDelay([0.02, 0.03, 0.05], 0.01, offset=0.01)
    assert [delays.at(time) for time in (0.0, 0.005, 0.015, 0.025, 0.035)] == [0.03, 0.03, 0.05, 0.02, 0.03]


def test_a_packet_takes_the_delay_of_its_departure_and_overtakes_none() -> None:
    # 1000 bytes take 1 ms at 8 Mbit/s: they depart at 1 ms, 11 ms and 21 ms.
    link = Link(ConstantRate(8e6), delay=0.005, varying_delay=VaryingDelay([0.020, 0.001, 0.030], 0.010))
    arrivals = []
    for number, now in enumerate((0.0, 0.010, 0.020)):
        assert link.send(number, 1000, now)
        arrivals.append(link.line[-1][0])
    assert arrivals == pytest.approx([0.026, 0.026, 0.056])


def test_a_scenarios_link_adds_it_to_its_delay(tmp_path: Path) -> None:
    (tmp_path / "owd").write_text("1\n7\n")
    scenario = parse(tomllib.loads(SCENARIO), tmp_path)
    down, up = (build_link(scenario, 0, direction) for direction in ("inbound", "outbound"))
    for link in (down, up):
        link.send("packet", 1000, 0.0)
    assert down.next_timeout() == pytest.approx(0.001 + 0.005 + 0.007)
    assert up.next_timeout() == pytest.approx(0.001 + 0.005)


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "owd").write_text("1\nx\n")
    with pytest.raises(InputError, match=r"link\[0\].trace.delay_down: \"owd\": line 2: a number is needed"):
        parse(tomllib.loads(SCENARIO), tmp_path)


def test_a_scenario_written_elsewhere_still_finds_it(tmp_path: Path) -> None:
    (tmp_path / "owd").write_text("40\n")
    scenario = parse(tomllib.loads(SCENARIO), tmp_path)
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "scenario.toml").write_text(scenario.to_toml(tmp_path / "moved"))
    again = load(tmp_path / "moved" / "scenario.toml").link[0].trace
    assert again is not None
    assert again.delays == {"inbound": (tmp_path / "owd").resolve()}


def test_it_takes_part_in_the_key_of_a_run() -> None:
    assert named_files({"link": [{"trace": {"delay_down": "owd"}}]}) == ["owd"]
