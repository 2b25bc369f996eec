"""Two endpoints talk: order, loss, paths that die, ends that start anew."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from pairing import Pair, data_of, ready

from mpsim.tunnel.packet import CLASS_EXPEDITED, CLASS_UDP
from mpsim.tunnel.wire import OVERHEAD, Data, Datagram, Feedback, Probe, Skip, recode

ROUND_ROBIN = {"scheduler": "round-robin", "congestion": "none"}


def test_paths_come_up_by_an_answered_probe() -> None:
    pair = Pair(0.01, 0.05)
    pair.run(0.0199)
    assert not any(path.up for path in pair.local.paths)
    pair.run(0.0201)
    assert [path.up for path in pair.local.paths] == [True, False]
    pair.run(0.11)
    assert [path.up for path in pair.local.paths] == [True, True]
    assert pair.local.paths[1].srtt == pytest.approx(0.1)


@pytest.mark.parametrize("tunnel", [{}, ROUND_ROBIN, {"scheduler": "min-rtt", "congestion": "cubic"}], ids=str)
@pytest.mark.parametrize("side", ["local", "remote"])
def test_everything_arrives_in_order(tunnel: dict[str, Any], side: str) -> None:
    pair = ready(0.01, 0.03, 0.02, tunnel=tunnel)
    for first in range(0, 400, 4):
        pair.send(*range(first, first + 4), side=side)
        pair.run(pair.now + 0.005)
    pair.run(pair.now + 1.0)
    other = "remote" if side == "local" else "local"
    assert pair.payloads(other) == list(range(400))
    assert len({datagram.path for datagram in data_of(pair.carried, side)}) >= 2
    assert not pair.ends[other].rejected


def test_both_directions_at_once() -> None:
    pair = ready(0.01, 0.03)
    for number in range(200):
        pair.send(("up", number))
        pair.send(("down", number), side="remote")
        pair.run(pair.now + 0.003)
    pair.run(pair.now + 1.0)
    assert pair.payloads("remote") == [("up", number) for number in range(200)]
    assert pair.payloads("local") == [("down", number) for number in range(200)]


def lose_data(*numbers: int) -> Any:
    """Lose these of the tunnel sequences of the local end."""

    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        return side == "local" and isinstance(datagram, Data) and datagram.tunnel_sequence in numbers

    return loses


@pytest.mark.parametrize("detection", ["rfc9002", "nack"])
def test_what_is_lost_is_missing_and_nothing_else(detection: str) -> None:
    pair = ready(0.01, 0.01, tunnel={"loss_detection": detection}, loses=lose_data(5, 6, 20))
    for number in range(40):
        pair.send(number)
        pair.run(pair.now + 0.002)
    pair.run(pair.now + 1.0)
    assert pair.payloads("remote") == [number for number in range(40) if number not in {5, 6, 20}]
    assert pair.local.abandoned_packets == 3
    assert sum(path.lost_datagrams for path in pair.local.paths) == 3
    assert all(path.bytes_in_flight == 0 for path in pair.local.paths)


def test_an_announced_loss_is_not_waited_for() -> None:
    pair = ready(0.01, tunnel={"reorder": {"mode": "timeout", "timeout": "10s"}}, loses=lose_data(3))
    for number in range(12):
        pair.send(number)
        pair.run(pair.now + 0.002)
    pair.run(pair.now + 0.2)
    assert pair.payloads("remote") == [number for number in range(12) if number != 3]
    assert any(isinstance(datagram, Skip) for _, datagram in pair.carried)


def test_without_resequencing_nothing_is_announced() -> None:
    pair = ready(0.01, tunnel={"reorder": {"mode": "none"}}, loses=lose_data(3))
    for number in range(12):
        pair.send(number)
        pair.run(pair.now + 0.002)
    pair.run(pair.now + 1.0)
    assert len(pair.payloads("remote")) == 11
    assert not any(isinstance(datagram, Skip) for _, datagram in pair.carried)


def test_the_last_one_lost_is_found_by_a_probe() -> None:
    pair = ready(0.01, loses=lose_data(4))
    pair.send(*range(5))
    pair.run(pair.now + 0.39)
    assert pair.local.abandoned_packets == 1
    assert pair.local.paths[0].up
    assert pair.local.paths[0].bytes_in_flight == 0


def test_a_window_is_never_exceeded() -> None:
    pair = ready(0.02, 0.02, tunnel={"queue": {"size": "1000p"}})
    pair.send(*range(300))
    most = [0.0, 0.0]
    while len(pair.payloads("remote")) < 300:
        pair.run(pair.now + 0.001)
        for path in pair.local.paths:
            assert path.bytes_in_flight <= path.cwnd
            most[path.index] = max(most[path.index], path.bytes_in_flight / path.cwnd)
    assert min(most) > 0.8  # and it was used
    pair.run(pair.now + 1.0)
    assert all(path.bytes_in_flight == 0 for path in pair.local.paths)
    assert pair.local.ingress.backlog() == 0


def test_a_call_does_not_wait_for_the_hole_of_another_class() -> None:
    pair = ready(0.01, tunnel={"reorder": {"mode": "timeout", "timeout": "10s"}}, loses=lose_data(0))
    pair.send("bulk 0", "bulk 1", cls=CLASS_UDP)
    pair.send("lost too", "call 1", cls=CLASS_EXPEDITED)
    pair.run(pair.now + 0.011)
    pair.loses = lambda *_: False
    pair.send("call 2", cls=CLASS_EXPEDITED)
    pair.run(pair.now + 1.0)
    assert pair.local.abandoned_packets == 2
    assert set(pair.payloads("remote")) == {"bulk 1", "call 1", "call 2"}


@pytest.mark.parametrize("again", ["local", "remote"])
def test_an_end_that_starts_anew_is_understood(again: str) -> None:
    pair = ready(0.01, 0.02)
    for number in range(50):
        pair.send(number)
        pair.send(number, side="remote")
        pair.run(pair.now + 0.004)
    pair.restart(again, epoch=77)
    pair.delivered = {"local": [], "remote": []}
    pair.run(pair.now + 1.5)
    for number in range(1000, 1050):
        pair.send(number)
        pair.send(number, side="remote")
        pair.run(pair.now + 0.004)
    pair.run(pair.now + 1.0)
    for side in ("local", "remote"):
        assert [number for number in pair.payloads(side) if number >= 1000] == list(range(1000, 1050))


def test_datagrams_of_the_session_before_do_not_disturb() -> None:
    pair = ready(0.01)
    pair.send(*range(5))
    pair.run(pair.now + 0.5)
    old = data_of(pair.carried, "local")
    pair.restart("local", epoch=77)
    pair.run(pair.now + 2.0)
    pair.send(*range(10, 15))
    pair.run(pair.now + 0.5)
    for datagram in old:
        pair.remote.receive_datagram(datagram, datagram.path, pair.now)
    pair.send(*range(15, 20))
    pair.run(pair.now + 0.5)
    assert pair.payloads("remote") == [*range(5), *range(10, 20)]
    assert pair.remote.rejected["epoch"] >= 5


def test_what_is_repeated_is_counted_and_not_delivered() -> None:
    pair = ready(0.01)
    pair.send(*range(5))
    pair.run(pair.now + 0.5)
    for datagram in data_of(pair.carried, "local"):
        pair.remote.receive_datagram(datagram, 0, pair.now)
    pair.run(pair.now + 0.5)
    assert pair.payloads("remote") == list(range(5))
    assert pair.remote.rejected["replayed"] == 5


def test_a_datagram_by_the_wrong_path_is_refused() -> None:
    pair = ready(0.01, 0.01)
    pair.send(0)
    (datagram,) = data_of(pair.carried, "local")
    pair.remote.receive_datagram(datagram, 1 - datagram.path, pair.now)
    assert pair.remote.rejected["path"] == 1


def test_feedback_about_what_was_never_sent_is_refused() -> None:
    pair = ready(0.01)
    for about, ranges, cause in ((0, ((0, 50),), "ranges"), (7, ((0, 0),), "path")):
        lie = Feedback(2, 0, 999, 0, about, ranges, 0, 0)
        pair.local.receive_datagram(lie, 0, pair.now)
        assert pair.local.rejected[cause] == 1
    assert pair.local.paths[0].acked_datagrams == 0


def test_the_clock_is_not_asked_for_in_vain() -> None:
    pair = ready(0.01, 0.02)
    pair.steps = 0
    pair.run(61.0)
    # An idle pair sends a probe each 5 s on each path and answers it.
    assert pair.steps < 400
    assert all(isinstance(datagram, Probe) for _, datagram in pair.carried[-20:])


def test_an_early_timeout_is_harmless() -> None:
    quiet, nervous = ready(0.01, 0.02), ready(0.01, 0.02)
    for pair in (quiet, nervous):
        for number in range(100):
            pair.send(number)
            pair.run(pair.now + 0.002)
            if pair is nervous:
                for end in pair.ends.values():
                    end.handle_timeout(pair.now)
        pair.run(pair.now + 1.0)
    assert quiet.payloads("remote") == nervous.payloads("remote") == list(range(100))
    assert quiet.local.paths[0].lost_datagrams == nervous.local.paths[0].lost_datagrams == 0


def test_random_loss_delivers_everything_that_was_not_lost() -> None:
    random = Random(5)
    lost = set()

    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        gone = random.random() < 0.1
        if gone and side == "local" and isinstance(datagram, Data):
            lost.add(datagram.packet.payload)
        return gone

    pair = ready(0.01, 0.04, tunnel={"queue": {"size": "2000p"}})
    pair.loses = loses
    for number in range(1000):
        pair.send(number)
        pair.run(pair.now + 0.003)
    pair.run(pair.now + 10.0)  # its windows are small by now
    arrived = pair.payloads("remote")
    assert len(set(arrived)) == len(arrived)
    assert set(arrived) == set(range(1000)) - lost
    assert 50 < len(lost) < 150


def test_sizes_on_the_wire() -> None:
    pair = ready(0.01)
    pair.send(0, size=1000)
    (datagram,) = data_of(pair.carried, "local")
    assert datagram.size == 1000 + OVERHEAD == 1000 + 20 + 8 + 24 + 16


def test_what_is_too_late_for_feedback_is_delivered_all_the_same() -> None:
    pair = ready(0.01, tunnel=ROUND_ROBIN)
    held: list[Data] = []

    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        if isinstance(datagram, Data) and datagram.packet.payload == 7:
            held.append(datagram)
            return True
        return False

    pair.loses = loses
    for number in range(400):
        pair.send(number)
        pair.run(pair.now + 0.005)
    pair.run(pair.now + 0.1)
    for _ in range(2):  # two seconds late, and again
        pair.remote.receive_datagram(held[0], 0, pair.now)
        pair.send(side="remote")
    assert [number for number in pair.payloads("remote") if number != 7] == [n for n in range(400) if n != 7]
    assert pair.payloads("remote").count(7) == 1
    assert not pair.remote.rejected


@pytest.mark.parametrize("number", [1, 2**17, 2**31 - 3, 2**31 + 5, 2**32 - 5, 2**40])
def test_an_end_that_restarts_takes_up_numbers_wherever_they_are(number: int) -> None:
    pair = ready(0.01, tunnel=ROUND_ROBIN)
    pair.send(0)
    pair.run(pair.now + 0.1)
    pair.local.paths[0].next_sequence = number + 3
    pair.local.ingress._queues[CLASS_UDP].next_sequence = number
    pair.restart("remote", epoch=9)
    pair.run(pair.now + 1.0)
    pair._fly = lambda side, datagram: Pair._fly(pair, side, recode(datagram))  # type: ignore[method-assign]
    for payload in range(1, 60):
        pair.send(payload)
        pair.run(pair.now + 0.005)
    pair.run(pair.now + 1.0)
    assert pair.payloads("remote")[-59:] == list(range(1, 60))
    assert not pair.remote.rejected


def test_lost_feedback_loses_no_data() -> None:
    def loses(side: str, path: int, datagram: Datagram, count: int) -> bool:
        return side == "remote" and isinstance(datagram, Feedback) and pair.now < lossy_until

    lossy_until = 0.0
    pair = ready(0.01, loses=loses)
    lossy_until = pair.now + 0.05
    pair.send(0)
    pair.run(pair.now + 2.0)
    path = pair.local.paths[0]
    assert (path.acked_datagrams, path.lost_datagrams, path.bytes_in_flight) == (1, 0, 0)


def test_feedback_of_the_fastest_path_is_repeated_before_an_answer() -> None:
    pair = ready(0.04, 0.01, tunnel={"feedback": "fastest", "scheduler": "round-robin"})
    for number in range(60):
        pair.send(number)
        pair.run(pair.now + 0.05)
    pair.run(pair.now + 6.0)
    told = [one for side, one in pair.carried if side == "remote"]
    answered = 0
    for before, answer in pairwise(told):
        if isinstance(answer, Probe) and answer.flags and isinstance(before, Feedback):
            assert before.about == before.path == answer.path
            answered += 1
    assert answered >= 4
    assert any(one.about != one.path for one in told if isinstance(one, Feedback))
    assert [path.lost_datagrams for path in pair.local.paths] == [0, 0]


def test_an_answer_that_nobody_asked_for_says_nothing() -> None:
    pair = ready(0.01)
    path = pair.local.paths[0]
    srtt, answers = path.srtt, [datagram for side, datagram in pair.carried if side == "remote"]
    (again, *_) = [one for one in answers if isinstance(one, Probe) and one.flags]
    made_up = Probe(2, 0, 900, 0, 12345, 1, 0, again.flags)
    for answer in (made_up, again):
        pair.local.receive_datagram(answer, 0, pair.now)
    assert path.srtt == srtt
    assert pair.local.rejected["unasked"] == 2


def test_two_ends_that_took_a_late_datagram_of_the_other_s_last_life_for_its_first_find_each_other() -> None:
    pair = ready(0.01)
    for side, epoch in (("local", 11), ("remote", 12)):
        pair.restart(side, epoch)
    for side, past in (("local", 2), ("remote", 1)):
        pair.ends[side].receive_datagram(Probe(past, 0, 900, 0, 12345, 1, 0, 0), 0, pair.now)
    pair.run(pair.now + 1.0)
    pair.send("anew")
    pair.send("anew", side="remote")
    pair.run(pair.now + 1.0)
    assert pair.payloads("remote")[-1:] == pair.payloads("local")[-1:] == ["anew"]


def test_a_clock_that_leaps_tells_no_round_trip_time() -> None:
    pair = ready(0.01)
    pair.send(0)
    srtt = pair.local.paths[0].srtt
    pair.local.handle_timeout(pair.now)
    pair.now += 200.0  # with data, and its feedback, on the way
    pair.run(pair.now + 1.0)
    assert pair.local.paths[0].srtt == pytest.approx(srtt, rel=0.1)
    assert pair.local.paths[0].up
