"""RFC 6479 against a plain set, and why each path has a window of its own."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpsim.tunnel.security.window import SIZE, Window


class Known:
    """What a window says, with unlimited memory."""

    def __init__(self, first: int, reach: int) -> None:
        self._seen, self._highest, self._reach = {first}, first, reach

    def knows(self, count: int) -> bool:
        return count in self._seen or count < 0 or self._highest - count >= self._reach

    def accept(self, count: int) -> None:
        self._seen.add(count)
        self._highest = max(self._highest, count)


@pytest.mark.parametrize(
    ("count", "known"), [(1000, True), (999, False), (1001, False), (1000 - 447, False), (1000 - 448, True), (0, True)]
)
def test_the_edges(count: int, known: bool) -> None:
    # 256 counts are four blocks; with the one that is being filled five, so eight, of which seven reach back.
    assert Window(1000, 256).knows(count) is known


def test_it_reaches_at_least_as_far_as_asked() -> None:
    window = Window(0)
    for count in range(1, 4 * SIZE, 61):
        window.accept(count)
        assert not window.knows(count - SIZE + 1) or count - SIZE + 1 < 0 or (count - SIZE + 1) % 61 == 0


@given(st.lists(st.integers(-700, 700), min_size=1, max_size=200), st.integers(0, 5000))
def test_it_says_what_a_set_would(steps: list[int], first: int) -> None:
    window, known, at = Window(first, 256), Known(first, 7 * 64), first
    for step in steps:
        at = max(0, at + step)
        assert window.knows(at) == known.knows(at)
        if not known.knows(at):
            window.accept(at)
            known.accept(at)
            assert window.knows(at)


def test_a_leap_forgets_everything_before_it() -> None:
    window = Window(5, 256)
    window.accept(10**9)
    assert window.knows(5)
    assert not any(window.knows(10**9 - back) for back in range(1, 448))


def arrivals(paths: int, skew: float, rate: float, seconds: float) -> list[tuple[float, int, int, int]]:
    """(arrival, path, number on the path, number of all), the last path late by `skew` s; rate: datagrams a second."""
    random, each = Random(1), [0] * paths
    found = []
    for number in range(int(rate * seconds)):
        path = random.randrange(paths)
        found.append((number / rate + skew * path / (paths - 1), path, each[path], number))
        each[path] += 1
    return sorted(found)


@pytest.mark.parametrize("skew", [0.5, 2.0])
def test_one_shared_window_drops_honest_traffic_and_one_for_each_path_does_not(skew: float) -> None:
    # 30,000 datagrams a second are 300 Mbit/s of 1250 bytes. 8192 is what WireGuard remembers of a session.
    came = arrivals(2, skew, 30_000, 3.0)
    shared: Window | None = None
    own: dict[int, Window] = {}
    dropped = {"shared": 0, "own": 0}
    for _, path, number, of_all in came:
        if shared is None:
            shared = Window(of_all, 8128)
        elif shared.knows(of_all):
            dropped["shared"] += 1
        else:
            shared.accept(of_all)
        if path not in own:
            own[path] = Window(number, 8128)
        elif own[path].knows(number):
            dropped["own"] += 1
        else:
            own[path].accept(number)
    assert dropped["own"] == 0
    assert dropped["shared"] > 20_000
