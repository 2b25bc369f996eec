"""LIA (RFC 6356): alone a NewReno, together as fast as one TCP on the best path, never faster than a TCP on any."""

from __future__ import annotations

import pytest
from acknowledging import MSS, family

from mpsim.tunnel.congestion import AckSample, CongestionController, Siblings, controllers
from mpsim.tunnel.loss_detection import DETECTORS
from mpsim.tunnel.path import Path


def grow(one: CongestionController, acked: int = MSS) -> float:
    """Acknowledge some bytes; return the growth in bytes."""
    sample = AckSample()
    sample.now, sample.sent_time, sample.acked, sample.srtt = 1.0, 0.9, acked, one.srtt
    before = one.cwnd
    one.on_acked(sample)
    return one.cwnd - before


def test_alone_it_grows_as_newreno() -> None:
    (one,) = family("lia", (20, 0.1))
    assert grow(one) == pytest.approx(MSS / 20)
    lonely = controllers.create("lia")
    lonely.start(MSS, 0.0)
    lonely.cwnd = lonely.ssthresh = 20.0 * MSS
    assert grow(lonely) == pytest.approx(MSS / 20)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_equal_paths_share_the_increase_of_one(count: int) -> None:
    # n equal windows: alpha / w_tot = 1 / (n^2 w), so a round trip of all of them adds 1/n^2 * n * n = 1 / n each ...
    paths = family("lia", *[(20, 0.1)] * count)
    # ... per acknowledgement: 1 / (n^2 w).
    assert grow(paths[0]) == pytest.approx(MSS / (count**2 * 20), rel=1e-6)


def test_the_increase_is_that_of_the_rfc() -> None:
    windows = [(10.0, 0.02), (40.0, 0.1)]
    one, _ = family("lia", *windows)
    total = sum(window for window, _ in windows)
    alpha = total * max(w / rtt**2 for w, rtt in windows) / sum(w / rtt for w, rtt in windows) ** 2
    assert grow(one) == pytest.approx(MSS * min(alpha / total, 1 / 10.0))


def test_no_path_grows_faster_than_a_tcp_alone() -> None:
    # A small window beside a large one with a long round trip: alpha / w_tot exceeds 1 / w.
    small, large = family("lia", (2, 0.01), (200, 1.0))
    assert grow(large) <= MSS / 200 * (1 + 1e-9)
    assert grow(small) <= MSS / 2 * (1 + 1e-9)


def test_a_paused_sibling_no_longer_counts() -> None:
    one, other = family("lia", (20, 0.1), (20, 0.1))
    other.pause()
    assert grow(one) == pytest.approx(MSS / 20)
    other.resume()
    other.resume()
    one.cwnd = 20.0 * MSS
    assert grow(one) == pytest.approx(MSS / 80)


def test_a_tunnels_path_that_goes_down_leaves_its_siblings() -> None:
    siblings = Siblings()
    paths = []
    for index in range(2):
        controller = controllers.create("lia")
        path = Path(index, congestion=controller, detection=DETECTORS["rfc9002"](), mss=MSS)
        controller.siblings = siblings
        paths.append(path)
    assert siblings.active == []
    for path in paths:
        path.come_up(0.0)
    assert siblings.active == [path.congestion for path in paths]
    paths[0].go_down(1.0)
    assert siblings.active == [paths[1].congestion]


def test_slow_start_and_losses_are_newrenos() -> None:
    one = controllers.create("lia")
    one.start(MSS, 0.0)
    assert one.cwnd == 10 * MSS
    assert grow(one, 3 * MSS) == 3 * MSS
    one.on_lost(2.0, MSS, 1.5, 10 * MSS)
    assert one.cwnd == one.ssthresh == pytest.approx(6.5 * MSS)
