"""Why a simulated figure may be believed: the same run gives the same bytes, and nothing leaks between links."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from simulating import build, link, simulate, tcp, udp

import mpsim
from mpsim.result import Result
from mpsim.sim import run

RUN = """
import sys
from pathlib import Path
from mpsim.scenario import load
from mpsim.sim import run
run(load(Path(sys.argv[1]))).write(Path(sys.argv[2]))
"""
BUSY = """
schema = 1
name = "busy"
warmup = "1s"
duration = "4s"
seed = 7

[tunnel]
scheduler = "{scheduler}"

[[link]]
name = "a"
rate = "8Mbit"
delay = "10ms"
loss = 0.01

[[link]]
name = "b"
rate = {{ down = "5Mbit", up = "2Mbit" }}
delay = "25ms"
loss = {{ model = "gilbert-elliott", p = 0.002, r = 0.2 }}

[[flow]]
kind = "tcp"

[[flow]]
kind = "udp"
direction = "outbound"
rate = "1Mbit"
arrivals = "poisson"

[[flow]]
kind = "ping"

[[event]]
at = "2s"
link = "b"
up = false

[[event]]
at = "3s"
link = "b"
up = true
"""
# Everything that the machine, not the run, decides.
OF_THE_MACHINE = ("wall_s", "versions")


def told(result: Result) -> tuple[dict[str, Any], str]:
    """What a run says, without what the machine says."""
    data = {key: value for key, value in result.data.items() if key not in OF_THE_MACHINE}
    return data, result.series_csv()


@pytest.mark.parametrize("scheduler", ["greedy", "round-robin", "min-rtt"])
def test_two_processes_write_the_same_bytes(scheduler: str, tmp_path: Path) -> None:
    scenario = tmp_path / "busy.toml"
    scenario.write_text(BUSY.format(scheduler=scheduler))
    texts = []
    for hash_seed in ("1", "4242"):
        out = tmp_path / hash_seed
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(mpsim.__file__).parent.parent)}
        subprocess.run([sys.executable, "-c", RUN, scenario, out], check=True, env=environment, timeout=120)
        lines = (out / "result.json").read_text().splitlines()
        kept = [line for line in lines if '"wall_s"' not in line]
        texts.append(("\n".join(kept), (out / "series.csv").read_bytes(), (out / "scenario.toml").read_bytes()))
        assert len(kept) == len(lines) - 1
    assert texts[0] == texts[1]


def test_another_seed_is_another_run() -> None:
    lossy = [link("8Mbit", "10ms", loss=0.01)]
    first, again, other = (simulate(lossy, tcp(), duration="2s", seed=seed) for seed in (1, 1, 2))
    assert told(first) == told(again)
    assert first.data["links"][0]["drops"] != other.data["links"][0]["drops"]


@pytest.mark.parametrize(
    "tunnel",
    [{}, {"scheduler": "round-robin", "loss_detection": "nack"}, {"system": "netcombiner"}, {"congestion": "cubic"}],
    ids=["default", "nack", "netcombiner", "cubic"],
)
def test_encoding_and_decoding_every_datagram_changes_nothing(tunnel: dict[str, Any]) -> None:
    unequal = [link("8Mbit", "10ms", loss=0.005), link("4Mbit", "30ms", "b", loss=0.01)]
    events = [{"at": "1s", "link": "b", "up": False}, {"at": "2s", "link": "b", "up": True}]
    scenario = build(
        unequal, tcp(), udp("500kbit", direction="outbound"), tunnel=tunnel, warmup="1s", duration="4s", events=events
    )
    direct, through_bytes = run(scenario), run(scenario, through_bytes=True)
    assert told(direct) == told(through_bytes)
    assert direct.data["tunnel"]["datagrams_sent"] > 1000


@pytest.mark.parametrize("delay", ["60ms", "1ms"])
def test_an_unused_third_link_changes_nothing_for_the_other_two(delay: str) -> None:
    two = [
        link("8Mbit", "10ms", loss=0.01),
        link("4Mbit", "30ms", "b", loss={"model": "gilbert-elliott", "p": 0.01, "r": 0.3}),
    ]
    three = [*two, link("100Mbit", delay, "c", loss=0.02, metric=100)]
    results = [simulate(wires, tcp(), udp("9Mbit"), tunnel={}, duration="5s") for wires in (two, three)]
    without, with_third = ({(row["name"], row["direction"]): row for row in result.data["links"]} for result in results)
    for key, row in without.items():
        assert row == with_third[key]
        assert row["drops"]["loss"] >= 5 or key[1] == "outbound"
    assert results[0].data["flows"] == results[1].data["flows"]
    # The third one carries probes, and nothing of the flows.
    assert with_third["c", "inbound"]["delivered_bps"] < 20e3


def test_result_json_is_plain_json(tmp_path: Path) -> None:
    result = simulate([link("8Mbit")], udp("1Mbit"), duration="1s", warmup="1s")
    result.write(tmp_path)
    assert json.loads((tmp_path / "result.json").read_text()) == result.data
