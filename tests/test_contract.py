"""Everything registered keeps its contract, and the contract notices what does not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpsim.contract import ContractError, checks_of, live
from mpsim.contract.congestion import History
from mpsim.contract.scheduling import play
from mpsim.registry import Registry
from mpsim.tunnel.congestion import AckSample, CongestionController, controllers
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.schedulers import PathView, Scheduler, schedulers

REGISTERED = [(registry, name) for registry in (schedulers, controllers) for name in registry.names()]
ALL = [
    pytest.param(registry.find(name), check, id=f"{name}-{check.__name__}")
    for registry, name in REGISTERED
    for check in checks_of(registry.find(name))
]
LIVES = st.lists(st.integers(0, 10**6), max_size=300)


@pytest.mark.parametrize(("found", "check"), ALL)
def test_everything_registered_keeps_its_contract(found: type, check: Any) -> None:
    check(found)


@pytest.mark.parametrize(("registry", "name"), REGISTERED)
def test_the_list_names_the_source_of_each(registry: Registry[Any], name: str) -> None:
    assert re.search(r"\(\D.*\)\.$", registry.describe(name).summary)


@pytest.mark.parametrize("name", controllers.names())
@given(numbers=LIVES)
@settings(max_examples=60, deadline=None)
def test_congestion_control_survives_any_life(name: str, numbers: list[int]) -> None:
    said = History(controllers.create(name)).play(numbers)
    assert len(said) == len(numbers)


@pytest.mark.parametrize("name", schedulers.names())
@given(numbers=LIVES, count=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_scheduler_survives_any_life(name: str, numbers: list[int], count: int) -> None:
    for chosen in play(schedulers.create(name), count, numbers):
        assert all(0 <= index < count for index in chosen)


class Grows(CongestionController):
    """Grows when it loses."""

    name = "grows"

    def start(self, mss: int, now: float) -> None:
        super().start(mss, now)
        self.cwnd = 10.0 * mss

    def on_acked(self, sample: AckSample) -> None:
        """Nothing."""

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self.cwnd += 1


class Shrinks(Grows):
    """Goes below its minimum."""

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        self.cwnd /= 2


class Remembers(Grows):
    """Keeps what it learnt over a start."""

    learnt = 0

    def on_acked(self, sample: AckSample) -> None:
        self.learnt += 1
        self.cwnd += self.learnt % 7

    def on_lost(self, now: float, lost: int, sent_time: float, in_flight: int) -> None:
        """Nothing."""


class Shares(Remembers):
    """Keeps what it learnt for all of its kind."""

    def on_acked(self, sample: AckSample) -> None:
        Shares.learnt += 1
        self.cwnd += Shares.learnt % 7


class Nameless(Grows):
    """Has parameters that nobody explains.

    Parameters
        beta: what is left
    """

    def __init__(self, *, beta: float = 0.5, gamma: float = 1.0) -> None:
        self.beta = beta


class Invents(Scheduler):
    """Answers with what it was not given."""

    name = "invents"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> Any:
        return object()


class Stalls(Scheduler):
    """Never sends."""

    name = "stalls"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> None:
        return None


class Meddles(Scheduler):
    """Changes what it should only look at."""

    name = "meddles"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        for path in paths:
            path.bytes_in_flight = 0
        return next(iter(paths), None)


class Greedy(Scheduler):
    """Wants a path even when none is up."""

    name = "wants"

    def select(self, packet: Packet, paths: Sequence[PathView], now: float) -> PathView | None:
        return paths[0]


@pytest.mark.parametrize(
    ("found", "check"),
    [
        (Grows, "survives_random_lives"),
        (Shrinks, "survives_random_lives"),
        (Remembers, "starts_anew"),
        (Shares, "is_deterministic"),
        (Nameless, "is_documented"),
        (Nameless, "keeps_its_parameters"),
        (Invents, "survives_random_lives"),
        (Meddles, "survives_random_lives"),
        (Stalls, "does_not_stall"),
        (Greedy, "waits_without_paths"),
    ],
)
def test_the_contract_notices(found: type, check: str) -> None:
    (wanted,) = (one for one in checks_of(found) if one.__name__ == check)
    with pytest.raises((ContractError, IndexError)):
        wanted(found)


class Hurries(Remembers):
    """Wants to be called again at once."""

    def next_timeout(self) -> float | None:
        return 0.5


@pytest.mark.parametrize("found", [Grows, Shrinks, Hurries, Invents, Meddles])
def test_many_lives_notice_as_well(found: type) -> None:
    with pytest.raises(ContractError):
        live(found, 200)


def test_what_has_no_contract_is_refused() -> None:
    with pytest.raises(TypeError, match="neither"):
        checks_of(dict)
    with pytest.raises(TypeError, match="neither"):
        live(dict, 1)


MINE = '''
from mpsim.tunnel.schedulers import Scheduler


class First(Scheduler):
    """The first path, whatever it is like."""

    name = "first"

    def select(self, packet, paths, now):
        return {answer}
'''


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [("paths[0] if paths else None", 0, "does not stall: kept"), ("None", 1, "does not stall: BROKEN")],
)
def test_third_parties_run_it_on_a_file(answer: str, status: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE.format(answer=answer))
    command = [sys.executable, "-m", "mpsim.contract", f"{tmp_path / 'mine.py'}:First", "--lives", "500"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == status, ended.stderr
    assert said in ended.stdout
    assert "survives 500 random lives: kept" in ended.stdout
    assert not ended.stderr


def test_a_wrong_name_is_wrong_input() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "mpsim.contract", "newrino"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 2
    assert 'did you mean "newreno"?' in ended.stderr
    assert "Traceback" not in ended.stderr
