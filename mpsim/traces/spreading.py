"""From a rate over time to opportunities of 1500 bytes: how capacity lies inside a step is a choice, told here.

``even``: at the step's rate, one opportunity as often as 1500 bytes take. This is the default: it adds nothing that
was not recorded. It also makes a link steadier than the recorded one was: in bins of 100 ms, the coefficient of
variation of a series of one value a second is that of 1 s.

``fluctuating``: each step longer than 100 ms is cut into pieces of that length, whose shares of the step's capacity are
drawn (seeded, log-normal, coefficient of variation 0.3, what the LTE recordings of Winstein et al., NSDI 2013, have in
100 ms around their seconds). The step's total stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, exp, log, sqrt
from random import Random

from mpsim.network.rate import OPPORTUNITY_BYTES
from mpsim.traces.recording import Steps
from mpsim.units import BITS_PER_BYTE

OPPORTUNITY_BITS = OPPORTUNITY_BYTES * BITS_PER_BYTE
# Ten minutes of 1 Gbit/s; each takes memory.
MOST = 50_000_000
PIECE = 0.1  # s
VARIATION = 0.3
# Of a piece's length: what is left over in a step by rounding is no piece.
_GRAIN = 1e-9


def opportunities(steps: Steps) -> list[float]:
    """Return when each 1500 bytes are complete (s from the first edge), never more than one opportunity off.

    The last one is put at the end, because it is the period of what loops; nothing at all raises ValueError.
    """
    if steps.integral() > MOST * OPPORTUNITY_BITS:
        raise ValueError(
            f"at most {MOST} packets of 1500 bytes can be played; a shorter part or a smaller scale is needed"
        )
    times: list[float] = []
    begin = steps.edges[0]
    carried, due = 0.0, float(OPPORTUNITY_BITS)
    for value, left, right in zip(steps.values, steps.edges, steps.edges[1:], strict=False):
        total = carried + value * (right - left)
        while due <= total:
            times.append(left - begin + (due - carried) / value)
            due += OPPORTUNITY_BITS
        carried = total
    if not times:
        raise ValueError("not one packet of 1500 bytes could be delivered")
    times[-1] = steps.duration
    return times


def even(steps: Steps, _random: Random) -> Steps:
    """Leave each step as it is."""
    return steps


def fluctuating(steps: Steps, random: Random) -> Steps:
    """Cut each step into pieces of 100 ms whose rates vary around the step's."""
    deviation = sqrt(log(1 + VARIATION**2))
    edges, values = [steps.edges[0]], []
    for value, left, right in zip(steps.values, steps.edges, steps.edges[1:], strict=False):
        count = max(1, ceil((right - left) / PIECE - _GRAIN))
        shares = [exp(deviation * random.gauss(0.0, 1.0)) for _ in range(count)]
        mean = sum(shares) / count
        for index, share in enumerate(shares, 1):
            edges.append(left + (right - left) * index / count)
            values.append(value * share / mean)
    return Steps(tuple(edges), tuple(values))


SPREADS: dict[str, Callable[[Steps, Random], Steps]] = {"even": even, "fluctuating": fluctuating}


def scaled(times: Sequence[float], factor: float) -> list[float]:
    """Return `factor` times as many opportunities at the same moments; the period stays."""
    if factor == 1.0:
        return list(times)
    count = max(1, round(len(times) * factor))
    found = [times[min(len(times) - 1, ceil((index + 1) / factor - _GRAIN) - 1)] for index in range(count)]
    found[-1] = times[-1]
    return found


def looped(times: Sequence[float], offset: float, duration: float | None) -> list[float]:
    """Return the opportunities of `duration` seconds from `offset` on (s), beginning again after the end.

    None: one round. The last one is put at the end. Raises ValueError if there is none.
    """
    period = times[-1]
    length = period if duration is None else duration
    begin = offset % period
    found: list[float] = []
    cycle = 0
    while cycle * period - begin < length:
        moved = (cycle * period + time - begin for time in times)
        found.extend(time for time in moved if 0 < time <= length)
        cycle += 1
    if not found:
        raise ValueError(f"no opportunity lies in the {length:g} s from {begin:g} s on")
    found[-1] = length
    return found
