"""The E-model against published points, the playout buffer, and what a listener hears."""

from __future__ import annotations

import math
from random import Random

import pytest

from mpsim.voice import (
    CODEC_DELAY,
    DEFAULT_RATING,
    Fate,
    Listening,
    burst_ratio,
    delay_impairment,
    fates,
    loss_impairment,
    opinion,
    score,
)

LOST = math.nan


def steady(count: int, delay: float = 0.05) -> tuple[list[float], list[float]]:
    sent = [number * 0.02 for number in range(count)]
    return sent, [when + delay for when in sent]


def listening(sent: list[float], heard: list[float], **more: float | None) -> Listening:
    return Listening(sent, heard, stop=1e9, **{"playout": 0.06, "concealment": True, **more})  # type: ignore[arg-type]


# G.107, annex B, table B.1: rating and MOS (CQE) at the borders of its categories; it rounds 4.024 up.
@pytest.mark.parametrize(("rating", "mos"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_scores_of_the_recommendations_table(rating: float, mos: float) -> None:
    assert opinion(rating) == pytest.approx(mos, abs=0.0065)


def test_scores_at_and_beyond_the_ends() -> None:
    assert opinion(DEFAULT_RATING) == pytest.approx(4.41, abs=0.005)
    assert opinion(100) == opinion(120) == 4.5
    assert opinion(3) == opinion(-40) == 1.0
    values = [opinion(rating / 10) for rating in range(-100, 1100)]
    assert values == sorted(values)


# Idd at 400, 600 and 1000 ms, and its first effect, as independent programs that follow G.107 have it.
@pytest.mark.parametrize(("delay", "impairment"), [(0.1, 0), (0.15, 0.2), (0.4, 24), (0.6, 35), (1.0, 44)])
def test_delay_impairment(delay: float, impairment: float) -> None:
    assert delay_impairment(delay) == pytest.approx(impairment, abs=0.5)


def test_loss_impairment() -> None:
    assert loss_impairment(0) == 0
    # By hand: 95 * 2 / (2 + 4.3), and with concealment 95 * 2 / (2 + 25.1).
    assert loss_impairment(0.02, concealment=False) == pytest.approx(30.16, abs=0.01)
    assert loss_impairment(0.02) == pytest.approx(7.01, abs=0.01)
    assert loss_impairment(0.02, 4.0) > loss_impairment(0.02)


def test_random_losses_have_a_burst_ratio_of_one_and_runs_their_length() -> None:
    random = Random(1)
    assert burst_ratio([random.random() > 0.1 for _ in range(50_000)]) == pytest.approx(1, abs=0.03)
    runs = ([False] * 4 + [True] * 96) * 10
    assert burst_ratio(runs) == pytest.approx(4 * 0.96)
    assert burst_ratio([True] * 5) == burst_ratio([]) == 1
    assert burst_ratio([False] * 50 + [True] * 2000) == 8  # the most that the model knows


def test_an_even_call_is_heard_in_full() -> None:
    found = list(fates(*steady(10), 0.06))
    assert all(fate.played for fate in found)
    assert [fate.ear for fate in found] == pytest.approx([0.05 + 0.06 + CODEC_DELAY] * 10)


def test_what_comes_after_its_time_is_late() -> None:
    sent, heard = steady(5)
    heard[2] += 0.059
    heard[3] += 0.061
    found = list(fates(sent, heard, 0.06))
    assert [fate.late for fate in found] == [False, False, False, True, False]
    assert [fate.played for fate in found] == [True, True, True, False, True]


def test_the_buffer_follows_a_longer_way_after_a_second() -> None:
    sent, heard = steady(200)
    heard = [when + 0.2 * (number >= 50) for number, when in enumerate(heard)]
    found = list(fates(sent, heard, 0.06))
    assert [number for number, fate in enumerate(found) if fate.late] == list(range(50, 99))
    assert found[-1].ear == pytest.approx(0.25 + 0.06 + CODEC_DELAY)


def test_lost_packets_are_neither_late_nor_played() -> None:
    lost = Fate(0.0, LOST, LOST)
    assert not lost.late
    assert not lost.played
    assert score([lost, lost], concealment=True) == 1.0
    assert score([], concealment=True) is None


def test_a_row_counts_by_time_of_sending() -> None:
    sent, heard = steady(500)
    heard[100:110] = [LOST] * 10
    heard[200] += 1.0
    row = listening(sent, heard).row(1.0, 9.0)
    assert (row["sent_packets"], row["lost_packets"], row["late_packets"]) == (400, 10, 1)
    assert row["loss_ratio"] == pytest.approx(10 / 400)
    assert row["goodput_bps"] == pytest.approx(390 * 160)  # 160 bytes each, in 8 s
    assert row["longest_gap_s"] == pytest.approx(0.22)
    assert row["out_of_order_ratio"] == pytest.approx(1 / 390)
    assert row["one_way_delay_s"]["p50"] == pytest.approx(0.05)
    assert 1 < row["mos"] < 4.41


def test_after_the_end_nothing_counts_and_nothing_is_heard() -> None:
    sent, heard = steady(500)
    heard = [when if when < 4.0 else 9.0 for when in heard]  # held up, and delivered when nobody listens
    row = listening(sent, heard, ended=6.0).row(0.0, 10.0)
    assert row["sent_packets"] == 300
    assert row["lost_packets"] == 300 - 198
    assert row["longest_gap_s"] == pytest.approx(6.0 - 3.99)
    windows = dict(listening(sent, heard, ended=6.0).windows(10.0))
    assert list(windows) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert windows[0.0] == pytest.approx(4.41, abs=0.01)
    assert windows[5.0] == 1.0


def test_a_call_that_never_was_has_no_score() -> None:
    row = listening([], []).row(0.0, 10.0)
    assert row["mos"] is None
    assert row["longest_gap_s"] is None
    assert listening([], []).windows(10.0) == []
