"""Every reason not to believe a run, each brought about alone in records that are otherwise sound."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from emulation.validity import reasons, unmodelled
from mpsim.scenario import Scenario, parse

Records = dict[str, Any]


@pytest.fixture
def scenario() -> Scenario:
    return parse(
        {
            "schema": 1,
            "name": "judged",
            "warmup": "1s",
            "duration": "10s",
            "tunnel": {},
            "link": [{"name": "a", "rate": "8Mbit", "delay": "100ms"}],
            "flow": [{"kind": "tcp"}],
        }
    )


def _link(direction: str) -> dict[str, Any]:
    total = {
        "offered_packets": 5000, "delivered_packets": 4990, "drops": {"queue": 10, "loss": 0, "down": 0},
        "in_flight_packets": 0, "read": 5000, "written": 4990, "write_errors": 0,
    }  # fmt: skip
    return {"name": "a", "direction": direction, "delay_s": 0.1, "late_s": {"p50": 3e-5, "p99": 2e-4}, "total": total}


def _portal() -> dict[str, Any]:
    total = {
        "socket_drops": [0], "tun_write_errors": 0, "send_errors": 0, "send_blocked": 0,
        "paths": [{"sent": 5000, "received": 4990}],
    }  # fmt: skip
    return {"lag_s": {"p50": 3e-5, "p99": 3e-4, "stalled": 0.0}, "total": total}


@pytest.fixture
def records() -> Records:
    counters = {"tx_dropped": 0, "rx_dropped": 0}
    interfaces = {
        "local": {"mps-l0": dict(counters), "mps-tun": dict(counters)},
        "remote": {"mps-r0": dict(counters), "mps-tun": dict(counters)},
    }
    return {
        "programs": {
            "links": {"lag_s": {"p99": 1e-4, "stalled": 0.0}, "links": [_link("inbound"), _link("outbound")]},
            "local": _portal(),
            "remote": _portal(),
        },
        "interfaces": {"before": copy.deepcopy(interfaces), "after": interfaces},
        "capture_missed": {"client": 0, "server": 0},
        "stopped": [],
        "machine": {"idle_ratio": 0.6, "steal_ratio": 0.0, "run_queue_wait_ratio": {"links": 0.001, "local": 0.02}},
        "flows": [{"name": "tcp1", "error": None}],
    }


def test_a_sound_run_is_believed(scenario: Scenario, records: Records) -> None:
    assert reasons(scenario, records) == []
    assert not any(unmodelled(scenario, records).values())


def _late(records: Records) -> None:
    records["programs"]["links"]["links"][0]["late_s"]["p99"] = 0.0051


def _lag(records: Records) -> None:
    records["programs"]["local"]["lag_s"]["p99"] = 0.006


def _stalled(records: Records) -> None:
    records["programs"]["remote"]["lag_s"]["stalled"] = 0.06


def _stopped(records: Records) -> None:
    records["stopped"] = ["tcp1 (client)"]


def _buffers(records: Records) -> None:
    records["programs"]["local"]["total"]["socket_drops"] = [1]
    records["programs"]["local"]["total"]["paths"][0]["received"] -= 1


def _captures(records: Records) -> None:
    records["capture_missed"]["server"] = 3


def _tun(records: Records) -> None:
    records["interfaces"]["after"]["remote"]["mps-tun"]["tx_dropped"] = 11


def _vanished(records: Records) -> None:
    records["programs"]["local"]["total"]["paths"][0]["sent"] += 11


def _not_written(records: Records) -> None:
    records["programs"]["links"]["links"][1]["total"]["write_errors"] = 11


def _idle(records: Records) -> None:
    records["machine"]["idle_ratio"] = 0.14


def _steal(records: Records) -> None:
    records["machine"]["steal_ratio"] = 0.06


def _waited(records: Records) -> None:
    records["machine"]["run_queue_wait_ratio"]["links"] = 0.06


def _failed(records: Records) -> None:
    records["flows"][0]["error"] = "unable to connect"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_late, "late deliveries: link a inbound 99th percentile 5.1 ms, allowed 5.0 ms"),
        (_lag, "loop lag: local portal"),
        (_stalled, "stalls: remote stood still for 60 ms of 10 s"),
        (_stopped, "stopped by a signal: tcp1 (client)"),
        (_buffers, "receive buffers: the local portal's overflowed, 1 datagrams"),
        (_captures, "captures: 3 packets were missed in the server host"),
        (_tun, "losses that no model made: 11 of 10000 packets (remote mps-tun tx_dropped 11)"),
        (_vanished, "losses that no model made: 11 of 10000 packets (local to link a 11)"),
        (_not_written, "losses that no model made: 11 of 10000 packets (link a outbound not written 11)"),
        (_idle, "idle CPU: 14%, at least 15% is needed"),
        (_steal, "stolen CPU: 6%"),
        (_waited, "run queue: links waited for a CPU 6% of the time"),
        (_failed, "flow tcp1: unable to connect"),
    ],
)
def test_each_reason_alone(scenario: Scenario, records: Records, spoil: Callable[[Records], None], text: str) -> None:
    spoil(records)
    (reason,) = reasons(scenario, records)
    assert reason.startswith(text)


def test_what_is_just_allowed_is_believed(scenario: Scenario, records: Records) -> None:
    records["programs"]["links"]["links"][0]["late_s"]["p99"] = 0.005
    records["interfaces"]["after"]["remote"]["mps-tun"]["tx_dropped"] = 10
    records["machine"]["idle_ratio"] = 0.15
    assert reasons(scenario, records) == []


def test_a_drop_is_counted_once(scenario: Scenario, records: Records) -> None:
    records["interfaces"]["after"]["local"]["mps-l0"]["tx_dropped"] = 20
    records["programs"]["local"]["total"]["paths"][0]["sent"] += 20
    assert sum(unmodelled(scenario, records).values()) == 20


def _changed(scenario: Scenario, **changes: object) -> Scenario:
    return parse({**scenario.as_dict(), **changes})


def test_segments_of_a_stream_are_not_held_against_datagrams(scenario: Scenario, records: Records) -> None:
    _vanished(records)
    assert reasons(_changed(scenario, tunnel={"transport": "tcp"}), records) == []
    _tun(records)
    assert len(reasons(_changed(scenario, tunnel={"transport": "tcp"}), records)) == 1


def test_what_a_router_dropped_is_counted_once(scenario: Scenario, records: Records) -> None:
    for when in ("before", "after"):
        records["interfaces"][when]["isp"] = {"mps-r0": records["interfaces"][when]["remote"].pop("mps-r0")}
    records["interfaces"]["after"]["isp"]["mps-r0"]["tx_dropped"] = 20
    records["programs"]["remote"]["total"]["paths"][0]["sent"] += 20
    single = _changed(scenario, topology={"single_interface": True})
    assert {text: count for text, count in unmodelled(single, records).items() if count} == {
        "isp mps-r0 tx_dropped": 20
    }


def test_what_is_sent_into_a_pulled_cable_is_meant_to_be_lost(scenario: Scenario, records: Records) -> None:
    records["interfaces"]["after"]["local"]["mps-l0"]["tx_dropped"] = 20
    cut = _changed(scenario, event=[{"at": "1s", "link": "a", "up": False, "how": "carrier"}])
    assert not any(unmodelled(cut, records).values())
    silent = _changed(scenario, event=[{"at": "1s", "link": "a", "up": False}])
    assert unmodelled(silent, records)["local mps-l0 tx_dropped"] == 20
