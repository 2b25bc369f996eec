"""Both ends of a flow of requests and answers, over a real loopback connection; no root."""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from planning import planned

from emulation import addresses as at
from emulation import echo
from emulation.echo import MESSAGE, Answerer, Asker, open_socket
from emulation.echoed import EchoMeasure
from emulation.loop import Loop

LONG = 10.0  # s; far longer than anything here takes


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection that do not block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    for end in (near, far):
        end.setblocking(False)
    yield near, far
    near.close()
    far.close()


def ask(asker: Asker, connection: socket.socket, until: Callable[[], bool]) -> None:
    """Let an asker ask until something holds, then let it finish."""
    loop = Loop(0.0, asker.step)
    deadline = loop.now() + LONG

    def look(now: float) -> None:
        if until() or now > deadline:
            asker.finish()

    loop.call_every(loop.now(), 0.01, look)
    asker.attach(connection, loop)
    loop.run()


def answering(connection: socket.socket, answer: Callable[[bytes], bytes]) -> threading.Thread:
    """Answer each request by a function of it, until the other end closes."""

    def serve() -> None:
        connection.setblocking(True)
        while len(request := connection.recv(MESSAGE, socket.MSG_WAITALL)) == MESSAGE:
            connection.sendall(answer(request))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_requests_are_answered_in_order_and_checked(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    requests: list[bytes] = []

    def answer(request: bytes) -> bytes:
        requests.append(request)
        return b"pong" + (request[4:] if len(requests) != 3 else bytes(8))

    answering(far, answer)
    asker = Asker(0.005, LONG)
    ask(asker, near, lambda: len(asker.answered) >= 5)
    assert {request[:4] for request in requests} == {b"ping"}
    assert len(set(requests)) == len(requests)
    assert len(asker.asked) == len(asker.answered) == len(requests)
    assert asker.mismatches == 1
    assert asker.resets == []
    report = asker.report()
    assert report["connected"]
    assert all(late >= early for early, late in zip(report["asked"], report["answered"], strict=True))


def test_the_answerer_answers_what_is_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    answerer = Answerer()
    loop = Loop(0.0, answerer.step)
    answerer.attach(far, loop)
    loop.call_every(loop.now(), 0.01, lambda _: None)  # so that it sees when another thread tells it to end
    thread = threading.Thread(target=loop.run, daemon=True)
    near.setblocking(True)
    near.settimeout(LONG)
    requests = [b"ping" + os.urandom(8) for _ in range(3)]
    joined = b"".join(requests)
    near.sendall(joined[:20])
    thread.start()
    assert near.recv(MESSAGE, socket.MSG_WAITALL) == b"pong" + requests[0][4:]
    near.sendall(joined[20:])
    answers = near.recv(2 * MESSAGE, socket.MSG_WAITALL)
    assert answers == b"".join(b"pong" + request[4:] for request in requests[1:])
    assert answerer.report() == {"answers": 3}
    near.close()
    answerer.finish()
    thread.join(LONG)
    assert not thread.is_alive()


def test_what_is_asked_on_schedule_and_never_answered(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echo, "DRAIN", 0.05)
    near, _ = pair
    asker = Asker(0.005, LONG)
    ask(asker, near, lambda: len(asker.asked) >= 10)
    assert len(asker.asked) >= 10
    assert list(asker.answered) == []
    gaps = [late - early for early, late in zip(asker.asked, asker.asked[1:], strict=False)]
    assert sum(gaps) / len(gaps) == pytest.approx(0.005, abs=0.005)


@pytest.mark.parametrize("reset", [True, False])
def test_a_lost_connection_is_counted_and_requests_after_it_too(
    pair: tuple[socket.socket, socket.socket], reset: bool
) -> None:
    near, far = pair
    if reset:
        # SO_LINGER with no time: the connection is reset, not closed (socket(7)).
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    asker = Asker(0.005, LONG)
    ask(asker, near, lambda: len(asker.asked) >= 5)
    assert len(asker.resets) == 1
    assert len(asker.asked) >= 5
    assert list(asker.answered) == []


def test_nothing_is_asked_before_there_is_a_connection() -> None:
    asker = Asker(0.1, LONG)
    assert asker.step(5.0) == math.inf
    assert asker.report()["connected"] is False
    asker.finish()


def test_the_sockets_are_what_the_flow_says() -> None:
    one = replace(planned("echo", congestion="newreno"), client_address="127.0.0.1", server_address="127.0.0.1")
    with open_socket(one, at.SERVER) as server, open_socket(one, at.CLIENT) as client:
        assert server.getsockname() == ("127.0.0.1", one.server_port)
        client.settimeout(LONG)
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            assert accepted.getpeername() == ("127.0.0.1", one.client_port)
            for end in (client, accepted):
                name = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
                assert name.rstrip(b"\0") == b"reno"
                assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_figures_count_by_the_time_of_asking() -> None:
    origin = 1000.0
    found = {
        "asked": [origin + when for when in (0.95, 1.05, 1.15, 2.95, 3.05)],
        "answered": [origin + when for when in (1.05, 1.07, 1.4)],
        "mismatches": 0,
        "resets": ["Connection reset by peer"],
        "connected": True,
    }
    measure = EchoMeasure(planned("echo", direction="outbound"), {"asked": found}, origin, 1.0, 3.0)
    row = measure.row()
    assert (row["name"], row["kind"], row["direction"]) == ("echo1", "echo", "outbound")
    assert (row["sent_packets"], row["lost_packets"], row["loss_ratio"]) == (3, 1, pytest.approx(1 / 3))
    assert (row["resets"], row["mismatches"]) == (1, 0)
    assert row["rtt_s"]["max"] == pytest.approx(0.25)
    assert measure.goodput == row["goodput_bps"] == 3 * MESSAGE * 8 / 2
    times = {t: value for t, _, _, metric, value in measure.series() if metric == "answer_time_s"}
    assert times == {0.9: pytest.approx(0.1), 1.0: pytest.approx(0.02), 1.1: pytest.approx(0.25)}
    rates = [value for _, _, _, metric, value in measure.series() if metric == "throughput_bps"]
    assert len(rates) == 30
    assert sum(rates) * 0.1 == pytest.approx(3 * MESSAGE * 8)


def test_the_client_opens_the_connection_whoever_asks() -> None:
    inbound, outbound = planned("echo"), planned("echo", direction="outbound")
    assert (inbound.sender, outbound.sender) == (at.SERVER, at.CLIENT)
    assert not inbound.multipath
