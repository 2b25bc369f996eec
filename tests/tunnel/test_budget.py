"""A transport that can be full: what it takes no more waits in the ingress queue, until it says that it takes more."""

from __future__ import annotations

from math import inf

import pytest
from simulating import build, links, udp

from mpsim.build import build_endpoint
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.loss_detection import Rfc9002
from mpsim.tunnel.packet import CLASS_UDP, Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.wire import OVERHEAD, Data, Probe

SIZE = 1000


def up(endpoint: Endpoint) -> Endpoint:
    for path in endpoint.paths:
        path.come_up(0.0)
    endpoint.dispatch.paths_changed(patient=False)
    return endpoint


def over_tcp() -> Endpoint:
    return up(
        build_endpoint(build(links("8Mbit", "8Mbit"), udp("1Mbit"), tunnel={"transport": "tcp"}), "local", epoch=1)
    )


def data_of(endpoint: Endpoint, now: float) -> list[Data]:
    return [sent for sent in endpoint.datagrams_to_send(now) if isinstance(sent, Data)]


def give(endpoint: Endpoint, count: int, now: float = 0.0) -> None:
    for _ in range(count):
        endpoint.receive_packet(Packet(SIZE, "flow", None, cls=CLASS_UDP), now)


def test_a_budget_is_used_up_and_given_anew() -> None:
    path = Path(0, congestion=controllers.create("none"), detection=Rfc9002(), mss=1500)
    path.come_up(0.0)
    assert path.budget == inf
    path.budget = 2.5 * (SIZE + OVERHEAD)
    for number in range(2):
        assert path.can_send(SIZE, 0.0)
        assert path.can_send(SIZE, 0.0, ahead=True)
        path.transmit(Packet(SIZE, "flow", None), 0, number, 0, 1, 0.0, 0)
    assert path.budget == pytest.approx(0.5 * (SIZE + OVERHEAD))
    assert not path.can_send(SIZE, 0.0)
    assert not path.can_send(SIZE, 0.0, ahead=True)


def test_before_the_connection_is_there_only_probes_go() -> None:
    endpoint = over_tcp()
    for path in endpoint.paths:
        path.next_probe = 0.0
    give(endpoint, 3)
    endpoint.handle_timeout(0.0)
    sent = endpoint.datagrams_to_send(0.0)
    assert [type(one) for one in sent] == [Probe, Probe]
    assert all(path.budget < 0 for path in endpoint.paths)


def test_the_window_is_tcp_s_own() -> None:
    assert [path.cwnd for path in over_tcp().paths] == [inf, inf]


def test_packets_leave_as_the_transport_takes_them() -> None:
    endpoint = over_tcp()
    give(endpoint, 10)
    assert data_of(endpoint, 0.0) == []
    endpoint.handle_timeout(0.0)
    endpoint.datagrams_to_send(0.0)
    size = SIZE + endpoint.paths[0].overhead
    endpoint.on_path_writable(1, 3.2 * size, 0.1)
    assert endpoint.next_timeout() == 0.1
    assert [sent.path for sent in data_of(endpoint, 0.1)] == [1, 1, 1]
    endpoint.on_path_writable(0, 2.0 * size, 0.2)
    assert [sent.path for sent in data_of(endpoint, 0.2)] == [0, 0]


def test_nobody_is_woken_for_less_than_a_full_datagram() -> None:
    endpoint = over_tcp()
    endpoint.handle_timeout(0.0)
    endpoint.datagrams_to_send(0.0)
    due = endpoint.next_timeout()
    assert due > 0.05
    endpoint.on_path_writable(0, 1499.0, 0.05)
    assert endpoint.next_timeout() == due
    endpoint.on_path_writable(0, 1500.0, 0.05)
    assert endpoint.next_timeout() == 0.05
