"""Capacity that fluctuates like a recorded link's, drawn from a seed.

The rate follows Weibull's distribution: its shape says how much the rate varies (1: like a Rayleigh-fading power, an
exponential distribution; 2: half of that; above: steadier) and it has no tail that a radio could not carry. Its
memory is that of a normal process underneath, a sum of processes that each forget exponentially (Ornstein and
Uhlenbeck's, in steps of 50 ms), such as shadowing over seconds and fading over tenths of one; each value of the sum is
put through the distribution (a copula, Nelsen 2006). On top, a chain of two states in continuous time (Gilbert 1960)
takes the link away and brings it back, and where links are handed over at fixed times, one of the processes is drawn
anew then and the link pauses.

A trace of some minutes cannot show the mean of something that remembers a minute, so it is scaled to its mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, gamma, log, sqrt
from random import Random

from mpsim.traces.recording import Steps

STEP = 0.05  # s
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Memory:
    """One process of the sum: how long it remembers, and its share of the variance."""

    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Outages:
    """Times without any capacity, of exponential lengths."""

    every: float  # s from the end of one to the beginning of the next, in the mean
    length: float  # s, in the mean


@dataclass(frozen=True, slots=True)
class Handovers:
    """Links that are handed over at fixed times."""

    period: float  # s
    phase: float  # s: the first one
    share: float  # of the variance, drawn anew at each
    pause: float  # s without capacity, in the mean of an exponential distribution


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kind of link is like."""

    summary: str
    mean: float  # bit/s
    shape: float  # of Weibull's distribution
    memories: tuple[Memory, ...]  # what their shares leave of the variance is drawn anew each step
    outages: Outages | None = None
    handovers: Handovers | None = None


def generate(profile: Profile, duration: float, seed: int, *, mean: float | None = None) -> Steps:
    """Return `duration` seconds of capacity (bit/s) in steps of 50 ms; the same seed gives the same ones.

    mean: of the trace, instead of the profile's, bit/s
    """
    random = Random(f"{seed}/trace")
    count = max(1, round(duration / STEP))
    rates = _rates(profile, count, random)
    for begin, end in _pauses(profile, count * STEP, random):
        _take_away(rates, begin / STEP, end / STEP)
    total = sum(rates)
    if not total > 0:
        raise ValueError(f"a duration in which the link is up is needed; given {duration:g} s")
    factor = (profile.mean if mean is None else mean) * count / total
    return Steps(tuple(index * STEP for index in range(count + 1)), tuple(rate * factor for rate in rates))


def _rates(profile: Profile, count: int, random: Random) -> list[float]:
    keeps = [exp(-STEP / memory.seconds) for memory in profile.memories]
    sizes = [sqrt(memory.share) for memory in profile.memories]
    states = [random.gauss(0.0, 1.0) for _ in profile.memories]
    handed = profile.handovers
    level = random.gauss(0.0, 1.0) if handed is not None else 0.0
    left = 1.0 - sum(memory.share for memory in profile.memories) - (handed.share if handed is not None else 0.0)
    rates = []
    for index in range(count):
        if handed is not None and _crosses(index * STEP, handed):
            level = random.gauss(0.0, 1.0)
        normal = sum(size * state for size, state in zip(sizes, states, strict=True))
        normal += sqrt(max(0.0, left)) * random.gauss(0.0, 1.0)
        normal += sqrt(handed.share) * level if handed is not None else 0.0
        rates.append(_weibull(normal, profile.shape))
        states = [
            keep * state + sqrt(1 - keep**2) * random.gauss(0.0, 1.0) for keep, state in zip(keeps, states, strict=True)
        ]
    return rates


def _weibull(normal: float, shape: float) -> float:
    """Return the value of Weibull's distribution with mean 1 that is as probable as a standard normal one's."""
    above = max(_TINY, erfc(normal / sqrt(2)) / 2)
    return float((-log(above)) ** (1 / shape) / gamma(1 + 1 / shape))


def _crosses(time: float, handed: Handovers) -> bool:
    since = (time - handed.phase) % handed.period
    return since < STEP * (1 - 1e-9)


def _pauses(profile: Profile, duration: float, random: Random) -> list[tuple[float, float]]:
    """Return when the link is away (s): begin and end."""
    found = []
    if profile.outages is not None:
        out = profile.outages
        away = random.random() < out.length / (out.length + out.every)
        time = 0.0
        while time < duration:
            length = random.expovariate(1 / (out.length if away else out.every))
            if away:
                found.append((time, time + length))
            time += length
            away = not away
    if profile.handovers is not None:
        handed = profile.handovers
        for number in range(int((duration - handed.phase) / handed.period) + 1 if duration > handed.phase else 0):
            begin = handed.phase + number * handed.period
            found.append((begin, begin + random.expovariate(1 / handed.pause)))
    return found


def _take_away(rates: list[float], begin: float, end: float) -> None:
    """Remove what lies between two times, counted in steps; of a step that is only cut, a part remains."""
    for index in range(int(begin), min(len(rates), int(end) + 1)):
        covered = min(end, index + 1) - max(begin, index)
        rates[index] *= 1 - max(0.0, min(1.0, covered))
