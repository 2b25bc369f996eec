"""The search for what a path takes: many sizes at once, again while data flows, anew when a route has changed."""

from __future__ import annotations

import pytest
from pairing import Pair

from mpsim.tunnel.datagrams import PROBE_BODY, Probe
from mpsim.tunnel.path_mtu import FLOORS, RAISE, ROUND, ROUNDS, VERIFY, PathMtu
from mpsim.tunnel.wire import WireError, decode, encode

MOST = 1432


def answered(search: PathMtu, now: float, limit: int, data: int = 0) -> list[int]:
    """Let a path that takes `limit` bytes answer what is asked now; return what was asked."""
    asked = search.sizes_to_probe(now, data)
    for size in asked:
        if size <= limit:
            search.on_answer(size)
    return asked


def test_nothing_is_asked_of_a_path_that_is_down() -> None:
    search = PathMtu(MOST)
    assert search.sizes_to_probe(0.0, 0) == []
    search.begin(1.0)
    search.end()
    assert search.sizes_to_probe(2.0, 0) == []


@pytest.mark.parametrize(("limit", "found"), [(1432, 1432), (1430, 1424), (1412, 1412), (1300, 1282), (1192, 1192)])
def test_what_is_wanted_is_asked_for_alone_and_then_all_there_is(limit: int, found: int) -> None:
    search = PathMtu(MOST)
    search.begin(0.0)
    assert answered(search, 0.0, limit) == [MOST]
    asked = answered(search, ROUND, limit)
    if limit == MOST:
        assert asked == []
    else:
        assert asked == sorted(asked, reverse=True)
        assert (asked[0], asked[-1]) == (MOST, FLOORS[-1])
    assert search.size == found


@pytest.mark.parametrize("most", [1432, 1412])
def test_what_wireguard_over_ipv4_leaves_is_found_by_both_ends(most: int) -> None:
    search = PathMtu(most)  # the end that listens leaves room for IPv6
    search.begin(0.0)
    for number in range(2):
        answered(search, number * ROUND, 1500 - 60 - 68)
    assert search.size == 1372


def test_what_is_above_is_asked_for_three_times_and_no_more() -> None:
    search = PathMtu(MOST)
    search.begin(0.0)
    rounds = [answered(search, number * ROUND, 1412) for number in range(ROUNDS + 2)]
    assert [bool(asked) for asked in rounds] == [True] * ROUNDS + [False] * 2
    assert (rounds[0], rounds[2]) == ([1432], [1432, 1424])


def test_the_order_of_answers_does_not_matter() -> None:
    search = PathMtu(MOST)
    search.begin(0.0)
    search.sizes_to_probe(0.0, 0)
    for size in reversed(search.sizes_to_probe(ROUND, 0)):
        search.on_answer(size)
    search.on_answer(1192)  # late
    assert search.size == MOST


def test_a_path_that_takes_everything_is_left_alone_while_it_is_idle() -> None:
    search = PathMtu(MOST)
    search.begin(0.0)
    answered(search, 0.0, MOST)
    assert [answered(search, float(second), MOST) for second in range(1, 100)] == [[]] * 99


def test_a_black_hole_is_noticed_while_data_flows_and_the_search_begins_anew() -> None:
    search = PathMtu(MOST)
    search.begin(0.0)
    data, now, limit = 0, 0.0, MOST
    while now < 3 * VERIFY:
        answered(search, now, limit, data)
        now, data = now + ROUND, data + 10
    assert search.size == MOST
    limit, changed = 1300, now
    while search.size == MOST:
        answered(search, now, limit, data)
        now, data = now + ROUND, data + 10
    assert search.size == 1282
    assert now - changed <= VERIFY + (ROUNDS + 2) * ROUND


def test_more_is_tried_now_and_then() -> None:
    search = PathMtu(MOST)
    search.begin(0.0)
    now = 0.0
    while now < RAISE + VERIFY + ROUND:
        answered(search, now, 1300 if now < 60 else MOST)
        now += ROUND
    assert search.size == MOST


def test_a_padded_probe_is_as_long_as_the_packet_that_it_stands_for() -> None:
    probe = Probe(1, 0, 5, 0, 7, padding=1432 - PROBE_BODY)
    data = encode(probe)
    assert len(data) == 24 + 1432 + 16
    back = decode(data)
    assert isinstance(back, Probe)
    assert (back.number, back.padding, back.size) == (7, 1432 - PROBE_BODY, 1500)
    with pytest.raises(WireError, match="reserved"):
        decode(data[:-17] + b"\x01" + data[-16:])


def test_an_endpoint_learns_which_sizes_arrive() -> None:
    pair = Pair(0.01, loses=lambda _side, _path, datagram, _count: datagram.size > 1400)
    pair.run(0.5)
    for size in (1432, 1332, 1192):
        pair.local.probe_size(0, size, pair.now)
    pair.local.handle_timeout(pair.now)
    pair._pump("local")
    pair.run(1.0)
    assert sorted(pair.local.answered_sizes) == [(0, 1192), (0, 1332)]
    replies = [sent for side, sent in pair.carried if side == "remote" and isinstance(sent, Probe)]
    assert all(reply.padding == 0 for reply in replies), "no answer is longer than it has to be"
    assert pair.local.paths[0].up
