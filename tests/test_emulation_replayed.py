"""The figures of a replayed flow, from what its two programs say of it; no root."""

from __future__ import annotations

import pytest
from planning import planned

from emulation.replayed import ReplayedMeasure
from emulation.throughput import throughput


def test_a_packet_counts_in_the_bin_of_its_arrival() -> None:
    arrivals = [(-0.05, 9000), (0.0, 100), (0.25, 200), (0.29, 300), (0.4, 9000)]
    rows = throughput(planned("udp", rate="1Mbit", direction="outbound").spec, arrivals, 0.4)
    assert {row[1:4] for row in rows} == {("flow/udp1", "outbound", "throughput_bps")}
    assert [(row[0], row[4]) for row in rows] == [
        (0.0, pytest.approx(8000.0)),
        (0.1, 0.0),
        (0.2, pytest.approx(40000.0)),
        (0.3, 0.0),
    ]


def test_a_packet_is_lost_by_its_time_of_sending_and_delivered_by_that_of_its_arrival() -> None:
    origin = 1000.0
    sent = {"times": [origin + when for when in (0.95, 1.05, 1.1, 2.9, 3.1)]}
    received = {
        "numbers": [0, 2, 1, 4],
        "times": [origin + when for when in (1.02, 1.25, 1.35, 3.15)],
        "payloads": [500, 1000, 1000, 1000],
    }
    measure = ReplayedMeasure(planned("udp", rate="1Mbit"), {"sent": sent, "received": received}, origin, 1.0, 3.0)
    row = measure.row()
    assert (row["sent_packets"], row["lost_packets"]) == (3, 1)  # the one of 2.9 s
    assert row["out_of_order_ratio"] == pytest.approx(1 / 3)
    assert measure.goodput == row["goodput_bps"] == 2500 * 8 / 2
    rates = {row[0]: row[4] for row in measure.series() if row[4]}
    assert rates == {1.0: 500 * 8 / 0.1, 1.2: 1000 * 8 / 0.1, 1.3: 1000 * 8 / 0.1}
