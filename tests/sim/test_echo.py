"""Requests and answers over one simulated connection: on schedule, in order, over lost links."""

from __future__ import annotations

from typing import Any

import pytest
from simulating import Table, build, links, simulate

from mpsim.hosts.echo import MESSAGE, Answerer, Asker, Written
from mpsim.hosts.segments import HEADER
from mpsim.hosts.tcp_receiver import TcpReceiver
from mpsim.hosts.tcp_sender import TcpSender
from mpsim.result import Result
from mpsim.scenario import Scenario
from mpsim.sim import run
from mpsim.tunnel.congestion import controllers

ECHO: Table = {"name": "echo", "kind": "echo"}
SYSTEMS: list[dict[str, Any] | None] = [{}, None, {"system": "mptcp"}]


def cut(link: str, at: str, up: bool = False, **more: object) -> Table:
    return {"at": at, "link": link, "up": up, **more}


def longest(result: Result) -> dict[float, float]:
    """The longest answer time of the requests of each bin, s."""
    return {
        t: value for t, entity, _, metric, value in result.rows if (entity, metric) == ("flow/echo", "answer_time_s")
    }


@pytest.mark.parametrize("tunnel", SYSTEMS)
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_each_request_is_answered_after_a_round_trip(tunnel: dict[str, Any] | None, direction: str) -> None:
    flow = {**ECHO, "direction": direction}
    result = simulate(links("8Mbit", "8Mbit"), flow, tunnel=tunnel, warmup="1s", duration="4s")
    row = result.flow("echo")
    assert (row["sent_packets"], row["lost_packets"], row["loss_ratio"]) == (40, 0, 0.0)
    assert (row["resets"], row["mismatches"]) == (0, 0)
    assert row["goodput_bps"] == 40 * MESSAGE * 8 / 4
    assert set(row["rtt_s"]) == {"p50", "p95", "p99", "max"}
    assert 0.020 < row["rtt_s"]["p50"] <= row["rtt_s"]["max"] < 0.025
    times = longest(result)
    assert len(times) == 50
    assert max(times.values()) == pytest.approx(row["rtt_s"]["max"], abs=0.001)


def test_the_interval_is_kept_while_nothing_is_answered() -> None:
    events = [cut("a", "1s"), cut("a", "3s", up=True)]
    flow = {**ECHO, "interval": "50ms", "direction": "outbound"}
    result = simulate(links("8Mbit"), flow, tunnel=None, warmup="1s", duration="8s", events=events)
    row = result.flow("echo")
    assert (row["sent_packets"], row["lost_packets"]) == (160, 0)
    # The first request of the cut waits longest, each after it 50 ms less: all are answered at once.
    times = longest(result)
    assert times[2.0] > 2.0
    assert times[2.0] - times[3.0] == pytest.approx(1.0, abs=0.06)
    assert result.flow("echo")["rtt_s"]["p50"] < 0.025


@pytest.mark.parametrize("tunnel", [{}, {"system": "mptcp"}])
@pytest.mark.parametrize("link", ["a", "b"])
@pytest.mark.parametrize("how", ["silent", "carrier"])
def test_a_connection_outlives_one_of_two_links(tunnel: dict[str, Any], link: str, how: str) -> None:
    result = simulate(
        links("8Mbit", "8Mbit"), ECHO, tunnel=tunnel, warmup="1s", duration="6s", events=[cut(link, "2s", how=how)]
    )
    row = result.flow("echo")
    assert (row["sent_packets"], row["lost_packets"], row["resets"]) == (60, 0, 0)
    assert row["rtt_s"]["max"] < 1.0


@pytest.mark.parametrize("tunnel", SYSTEMS)
def test_with_all_links_cut_nothing_is_answered_and_it_is_counted(tunnel: dict[str, Any] | None) -> None:
    events = [cut("a", "2s"), cut("b", "2s")]
    result = simulate(links("8Mbit", "8Mbit"), ECHO, tunnel=tunnel, warmup="1s", duration="5s", events=events)
    row = result.flow("echo")
    assert row["sent_packets"] == 50
    assert row["lost_packets"] == 30
    assert max(longest(result)) < 3.0


def test_start_and_stop() -> None:
    flow = {**ECHO, "start": "1s", "stop": "2s"}
    result = simulate(links("8Mbit"), flow, tunnel=None, warmup="1s", duration="4s")
    # The first leaves when the connection is there, a round trip after the start.
    assert result.flow("echo")["sent_packets"] == 10
    assert (min(longest(result)), max(longest(result))) == (2.0, 2.9)


def test_the_same_scenario_gives_the_same_result() -> None:
    scenario: Scenario = build(links("8Mbit", "8Mbit"), ECHO, tunnel={}, warmup="1s", duration="2s")
    first, second = run(scenario), run(scenario)
    assert first.series_csv() == second.series_csv()
    assert first.flow("echo") == second.flow("echo")


def _end(key: str) -> tuple[TcpSender, TcpReceiver, Written]:
    written = Written()
    sender = TcpSender(key, controllers.create("cubic"), mss=20, source=written)
    return sender, TcpReceiver(key), written


def test_a_message_that_spans_segments_is_answered_when_it_is_whole() -> None:
    asker, answerer = Asker(*_end("ask"), interval=10.0), Answerer(*_end("answer"))
    # Before the connection is there: three messages wait and leave as segments of 20 and 16 bytes.
    asker.write(3 * MESSAGE, 0.0)
    asker.start(0.0)
    sizes = []
    answers = []
    for step in range(1, 20):
        now = step / 10
        for packet in asker.packets_to_send():
            sizes.append(packet.size - HEADER)
            answerer.receive(packet, now)
            answers.append(answerer.written.available)  # its connection is not there yet
        for packet in answerer.packets_to_send():
            asker.receive(packet, now)
        answerer.handle_timeout(now)
        asker.handle_timeout(now)
    assert sizes[:3] == [8, 20, 16]  # the SYN's options, then data
    assert len(asker.answered) == 4  # the first on schedule, too
    assert answers[:3] == [0, MESSAGE, 3 * MESSAGE]
