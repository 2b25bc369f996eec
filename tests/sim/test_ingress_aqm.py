"""CoDel and FQ-CoDel in front of a tunnel that a bulk flow fills."""

from __future__ import annotations

from statistics import fmean

import pytest
from simulating import Table, build, links, simulate, tcp

from mpsim.errors import InputError
from mpsim.scenario import Scenario
from mpsim.sim import run
from mpsim.tunnel.ingress import ClassQueue, Ingress

WIRES = links("8Mbit", "8Mbit")
PING: Table = {"name": "ping", "kind": "ping", "interval": "50ms"}


def test_codel_keeps_the_wait_near_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    refuses = Ingress.refuses

    def noting(self: Ingress, queue: ClassQueue, now: float) -> bool:
        head = queue.packets[0]
        if now > 5.0 and head.size > 1000:  # data, which waits at the remote portal alone
            waits.append(now - head.entered)
        return refuses(self, queue, now)

    monkeypatch.setattr(Ingress, "refuses", noting)
    result = run(build(WIRES, tcp(), tunnel={"queue": {"kind": "codel"}}))
    # The target is 5 ms; 100 packets that only drop at the tail are 75 ms. Half of the packets do not wait at all.
    assert 0.001 < fmean(waits) < 0.010
    assert result.flow("tcp")["goodput_bps"] > 0.9 * 0.96 * 16e6
    assert result.data["tunnel"]["ingress_drops"] > 0


def ping_under_load(kind: str) -> float:
    """The median in one class with a bulk flow, above that of an idle tunnel."""
    tunnel = {"queue": {"kind": kind}, "classes": "single"}
    result = simulate(WIRES, tcp(), PING, tunnel=tunnel, duration="5s")
    found: float = result.flow("ping")["rtt_s"]["p50"]
    return found - 0.020


def test_fair_queueing_spares_a_ping_the_bulk_flow_s_queue() -> None:
    droptail, codel, fair = (ping_under_load(kind) for kind in ("droptail", "codel", "fq-codel"))
    assert fair < codel < droptail
    assert fair < 0.040  # what waits on the paths themselves
    assert droptail > 0.060


def parsed(**queue: object) -> Scenario:
    return build(WIRES, tcp(), tunnel={"queue": queue})


def test_defaults_come_with_the_kind_and_foreign_keys_are_refused() -> None:
    queue = parsed(kind="fq-codel", target="2ms").tunnel.queue  # type: ignore[union-attr]
    assert (queue.target, queue.interval, queue.flows, queue.size.value) == (0.002, 0.1, 1024, 10240)
    assert parsed(size="50p").as_dict()["tunnel"]["queue"] == {"kind": "droptail", "size": "50p"}
    with pytest.raises(InputError, match=r"tunnel.queue.target: not of a droptail queue, only of codel, fq-codel"):
        parsed(kind="droptail", target="5ms")
    with pytest.raises(InputError, match=r"tunnel.queue.interval: max 60s"):
        parsed(kind="codel", interval="61s")


def test_a_call_in_the_class_of_a_bulk_flow_is_heard() -> None:
    call: Table = {"name": "call", "kind": "voip"}
    heard = {}
    for kind in ("droptail", "fq-codel"):
        tunnel = {"queue": {"kind": kind}, "classes": "single"}
        heard[kind] = simulate(links("2Mbit"), tcp(), call, tunnel=tunnel, duration="6s").flow("call")["mos"]
    assert heard["fq-codel"] > 4.0  # 100 packets of 1500 bytes at 2 Mbit/s are 0.6 s
    assert heard["droptail"] < 3.0
