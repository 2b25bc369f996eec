"""What is generated: seeded, of the asked mean, with the memory and the outages that its profile says."""

from __future__ import annotations

from math import exp, gamma, sqrt

import pytest

from mpsim.traces.generator import STEP, Handovers, Memory, Outages, Profile, generate
from mpsim.traces.profiles import PROFILES
from mpsim.traces.recording import Recording
from mpsim.traces.statistics import Rates, autocorrelation, binned, character

LONG = 3000.0  # s


def measured(profile: Profile, seed: int = 1, width: float = STEP) -> Rates:
    steps = generate(profile, LONG, seed)
    return binned(Recording("x", windows=(steps,)), steps, width)


def test_weibulls_variation() -> None:
    # CV^2 = gamma(1 + 2/k) / gamma(1 + 1/k)^2 - 1, here drawn anew each step.
    for shape in (1.0, 2.0, 4.0):
        rates = measured(Profile("", 5e6, shape, ()))
        expected = sqrt(gamma(1 + 2 / shape) / gamma(1 + 1 / shape) ** 2 - 1)
        assert rates.mean() == pytest.approx(5e6)
        assert rates.std() / rates.mean() == pytest.approx(expected, rel=0.03)


def test_memory_is_exponential() -> None:
    # Nearly normal at a large shape, so that the copula keeps the autocorrelation of the process underneath.
    rates = measured(Profile("", 5e6, 4.0, (Memory(2.0, 0.8),)))
    for lag in (10, 20, 40):
        assert autocorrelation(rates, lag) == pytest.approx(0.8 * exp(-lag * STEP / 2.0), abs=0.06)


def test_share_of_outages() -> None:
    rates = measured(Profile("", 5e6, 4.0, (), Outages(every=9.0, length=1.0)))
    assert (rates == 0).mean() == pytest.approx(0.1, abs=0.03)


def test_handovers_come_at_their_times() -> None:
    handed = Handovers(period=15.0, phase=12.0, share=1.0, pause=0.2)
    steps = generate(Profile("", 5e6, 2.0, (), handovers=handed), 60.0, 1)
    # The level holds between two handovers and is another one behind each.
    levels = [steps.values[int(time / STEP)] for time in (11, 26, 41, 56)]
    assert len(set(levels)) == 4
    for time in (13.5, 28.5, 43.5):
        assert len({steps.values[int((time + extra) / STEP)] for extra in (0, 5, 10)}) == 1
    for time in (12, 27, 42, 57):
        assert steps.values[int(time / STEP)] < steps.values[int((time + 2) / STEP)]


def test_seeds_and_mean() -> None:
    profile = PROFILES["lte-driving"]
    assert generate(profile, 5.0, 1) == generate(profile, 5.0, 1) != generate(profile, 5.0, 2)
    assert generate(profile, 30.0, 1, mean=2e6).integral() / 30.0 == pytest.approx(2e6)


def test_shares_are_shares() -> None:
    for profile in PROFILES.values():
        held = sum(memory.share for memory in profile.memories)
        held += profile.handovers.share if profile.handovers is not None else 0.0
        assert 0 < held <= 1.0


@pytest.mark.parametrize(
    ("name", "short", "long", "memory"),
    # What results/traces.md says of the recordings, for two whose every recording shows 100 ms.
    [("lte-driving", 0.748, 0.658, 0.838), ("lte-walking", 0.480, 0.375, 0.657)],
)
def test_profiles_are_like_their_recordings(name: str, short: float, long: float, memory: float) -> None:
    found = character(Recording("x", windows=(generate(PROFILES[name], LONG, 1),)))
    assert found.cv_short == pytest.approx(short, rel=0.2)
    assert found.cv_long == pytest.approx(long, rel=0.2)
    assert found.autocorrelation[0] == pytest.approx(memory, abs=0.1)
