"""NewReno under random loss follows C / sqrt(p) (Mathis et al., CCR 1997)."""

from __future__ import annotations

from math import sqrt

import pytest
from simulating import link, simulate, tcp

MSS = 1448
ROUND_TRIP = 0.040
# Mathis' constant where each acknowledged byte counts, delayed acknowledgements or not: sqrt(3/2).
CONSTANT = sqrt(1.5)
# (loss probability, measured time): a few hundred losses each.
CASES = ((0.001, "300s"), (0.003, "200s"), (0.01, "150s"))


def constant(loss: float, duration: str, seed: int) -> float:
    """Run at a loss probability on a link too fast to matter; return C."""
    fast = link("200Mbit", "20ms", queue="1000p", loss={"down": loss, "up": 0.0})
    result = simulate([fast], tcp("newreno"), warmup="10s", duration=duration, seed=seed)
    row = result.data["links"][0]
    assert row["drops"]["queue"] == 0  # the loss process alone limits it
    assert row["delivered_bps"] < 0.2 * 200e6
    window = result.flow("tcp")["goodput_bps"] * ROUND_TRIP / 8 / MSS
    return float(window * sqrt(loss))


def test_newreno_follows_the_square_root_law() -> None:
    found = [constant(loss, duration, seed=1) for loss, duration in CASES]
    middle = sum(found) / len(found)
    assert found == pytest.approx([middle] * len(found), rel=0.15)
    assert middle == pytest.approx(CONSTANT, rel=0.15)


@pytest.mark.parametrize("congestion", ["newreno", "cubic"])
def test_more_loss_is_less_goodput(congestion: str) -> None:
    rates = []
    for loss in (0.001, 0.01, 0.05):
        lossy = link("50Mbit", "20ms", queue="1000p", loss={"down": loss, "up": 0.0})
        rates.append(simulate([lossy], tcp(congestion), duration="30s").flow("tcp")["goodput_bps"])
    assert rates[0] > 1.5 * rates[1] > 1.5 * 1.2 * rates[2] > 0
