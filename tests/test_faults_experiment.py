"""The experiment `faults`: its plans, its NATs, its simulated half; the emulated half is tests/root's."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from experiments import faults
from experiments.fault_cables import Translator
from experiments.fault_plans import BY_NAME, CHANGES, HOME, HOSTED, KINDS, Change, Kind, Record
from experiments.fault_simulation import FaultySimulation, simulate
from experiments.fault_transfer import contents
from mpsim.tunnel.datagrams import Sealed

UDP = 34  # offset of the header in these frames


def frame(source: int, destination: int) -> bytearray:
    return bytearray(UDP) + source.to_bytes(2, "big") + destination.to_bytes(2, "big") + bytes(4)


def ports(data: bytearray) -> tuple[int, int]:
    return int.from_bytes(data[UDP : UDP + 2], "big"), int.from_bytes(data[UDP + 2 : UDP + 4], "big")


def test_there_are_ten_kinds_of_fault_and_one_of_none() -> None:
    disturbed = [kind for kind in KINDS if kind.changes or kind.loss or kind.corruption]
    assert len(disturbed) == 10
    assert len(BY_NAME) == len(KINDS) == 11
    assert {change.what for kind in KINDS for change in kind.changes} == set(CHANGES)


def test_the_share_of_lost_packets_is_what_was_asked_for() -> None:
    loss = BY_NAME["bursty loss"].scenario(1).link[0].loss.down
    assert not isinstance(loss, float)
    assert loss["p"] / (loss["p"] + loss["r"]) == pytest.approx(0.02)


def test_a_nat_keeps_a_port_until_it_forgets() -> None:
    nat = Translator()
    first, again, other, back = frame(4000, 9), frame(4000, 9), frame(4001, 9), frame(9, 50_000)
    for data in (first, again, other):
        assert nat.outward(data, UDP)
    assert [ports(data) for data in (first, again, other)] == [(50_000, 9), (50_000, 9), (50_001, 9)]
    assert nat.inward(back, UDP)
    assert ports(back) == (9, 4000)
    nat.rebind()
    assert not nat.inward(frame(9, 50_000), UDP)
    anew = frame(4000, 9)
    assert nat.outward(anew, UDP)
    assert ports(anew) == (50_002, 9)


@pytest.mark.parametrize("name", ["restart of both", "interface deleted", "rebinding", "corruption"])
def test_a_simulated_transfer_arrives(name: str) -> None:
    record = simulate(BY_NAME[name], 1)
    assert record.whole, record.problem
    assert record.duration_s is not None
    assert record.duration_s > 10.0  # 10 MB at 8 Mbit/s
    assert (record.rejected.get("forged", 0) > 50) == (name == "corruption")


def test_without_a_way_back_a_transfer_does_not_arrive() -> None:
    """The faults are there: what blocks both paths for good ends the transfer."""
    kind = Kind("cut", "for good", tuple(Change(1.0, "block", path) for path in (0, 1)))
    record = simulate(kind, 1)
    assert not record.whole
    assert "of 10000000 bytes after 120 s" in record.problem


def test_datagrams_to_a_forgotten_port_are_lost() -> None:
    simulation = FaultySimulation(replace(BY_NAME["undisturbed"], name="test"), 1)
    simulation.clock.run_until(4.0)
    before = list(simulation._guard("remote").sources)
    assert before == [nat.address for nat in simulation._nats]
    data = Sealed(0, bytes(40), 1500, None)
    assert simulation._leaves("remote", 0, data)
    for nat in simulation._nats:
        nat.rebind()
    assert not simulation._leaves("remote", 0, data)
    # An acknowledgement from home is soon there, and says where home is now.
    simulation.clock.run_until(4.2)
    assert simulation._guard("remote").sources == [nat.address for nat in simulation._nats] != before
    assert simulation._leaves("remote", 0, data)


def test_what_is_sent_depends_on_the_seed_alone() -> None:
    assert contents(1, 1000) == contents(1, 1000) != contents(2, 1000)


def test_finished_runs_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def emulated(kind: Kind, repetition: int) -> Record:
        made.append(f"{kind.name}/{repetition}")
        broken = kind.name == "corruption"
        return Record(not broken, None if broken else 10.0, 0.5, {"forged": 3}, "stopped" if broken else "")

    monkeypatch.setattr(faults, "emulate", emulated)
    (tmp_path / faults.STORE).write_text(json.dumps({"undisturbed/1": asdict(Record(True, 9.0, 0.1, {}))}))
    text = faults.experiment.run("emulation", tmp_path, quick=True)
    assert made == [f"{kind.name}/1" for kind in KINDS[1:]]
    assert "emulation: 9 of 10 transfers under faults arrived whole (equal hash)" in text
    assert "emulation, corruption, 1: stopped" in text
    faults.experiment.run("emulation", tmp_path, quick=True)
    assert len(made) == 10
    assert f"| {HOSTED}" not in text
    assert HOME in (tmp_path / "faults.md").read_text()
