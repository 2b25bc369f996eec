"""What fills a path and what is made of arrivals, by hand; then two ends on the loopback interface."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from commanding import Mpsim

from mpsim.errors import WorldError
from mpsim.traces import measuring
from mpsim.traces.measuring import Terms, bound, call, listen
from mpsim.traces.saturator import FIRST_WINDOW, Allowance, Deliveries, SaturatingWindow


def test_window_opens_below_750_ms_and_closes_above_3_s() -> None:
    window = SaturatingWindow(0.0)
    window.on_acknowledged(0.1, 1.0)
    window.on_acknowledged(0.7, 1.1)
    assert window.packets == FIRST_WINDOW + 2
    window.on_acknowledged(1.5, 2.0)
    assert window.packets == FIRST_WINDOW + 2
    window.on_acknowledged(3.5, 5.0)
    window.on_acknowledged(3.5, 5.1)  # of the same round trip
    assert window.packets == (FIRST_WINDOW + 2) / 2


def test_a_silent_path_is_probed() -> None:
    window = SaturatingWindow(0.0)
    assert window.may_send(19, 0.5)
    assert not window.may_send(20, 0.5)
    assert window.may_send(20, 1.2)
    assert not window.may_send(20, 1.25)
    assert window.may_send(20, 1.31)


def test_allowance() -> None:
    allowance = Allowance(150_000.0, 0.0)  # one full packet each 10 ms
    taken = [now for now in range(100) if allowance.takes(1500, now / 1000)]
    assert len(taken) == 9
    assert all(later - earlier >= 10 for earlier, later in pairwise(taken))


def test_arrivals_become_opportunities() -> None:
    deliveries = Deliveries()
    for now, size in ((10.0, 1500), (10.2, 700), (10.3, 700), (10.4, 1700), (11.0, 3000)):
        deliveries.on_arrival(size, now)
    # 1500, then 3100 = 2 x 1500 + 100, then 3100 again.
    assert deliveries.times == pytest.approx([0.0, 0.4, 0.4, 1.0, 1.0])
    assert deliveries.opportunities(0.9) == pytest.approx([0.0, 0.4, 0.9])
    with pytest.raises(ValueError, match="nothing arrived"):
        Deliveries().opportunities(1.0)


TERMS = Terms(duration=1.0, limit=1e6)


@pytest.mark.parametrize("reverse", [False, True])
def test_both_directions_over_loopback(reverse: bool) -> None:
    with bound(("127.0.0.1", 0)) as far, bound() as near, ThreadPoolExecutor(1) as pool:
        other = pool.submit(listen, far, TERMS, 20.0)
        mine = call(near, far.getsockname(), TERMS, reverse=reverse)
        theirs = other.result(timeout=30)
    assert (mine is None, theirs is None) == (not reverse, reverse)
    times = mine if reverse else theirs
    assert times is not None
    assert times[-1] == 1.0
    # The limit is 83 packets a second; a busy machine sends fewer.
    assert 5 <= len(times) <= 85


def test_who_cannot_receive_makes_nobody_send() -> None:
    with bound(("127.0.0.1", 0)) as far, bound(("127.0.0.1", 0)) as near, ThreadPoolExecutor(1) as pool:
        other = pool.submit(listen, far, TERMS, 1.0)
        start = measuring._GREETING.pack(b"mpT1", measuring.START, 1, 1000, bytes(8), bytes(16))
        near.sendto(start, far.getsockname())  # a cookie that was guessed
        near.sendto(measuring._GREETING.pack(b"mpT1", measuring.HELLO, 1, 1000, bytes(8), bytes(16)), far.getsockname())
        with pytest.raises(WorldError, match="no caller within 1 s"):
            other.result(timeout=30)
        with pytest.raises(BlockingIOError):
            near.recv(2048)


def test_an_answer_is_never_longer_than_its_question() -> None:
    assert measuring._GREETING.size <= measuring._HELLO_BYTES


def test_the_command(mpsim: Mpsim, tmp_path: Path) -> None:
    with bound(("127.0.0.1", 0)) as far, ThreadPoolExecutor(1) as pool:
        other = pool.submit(listen, far, TERMS, 20.0)
        to = f"127.0.0.1:{far.getsockname()[1]}"
        arguments = ("--to", to, "--reverse", "--duration", "1s", "--out", tmp_path / "own.trace")
        told = mpsim("traces", "record", *arguments)
        other.result(timeout=30)
    assert (told.status, told.err) == (0, "")
    assert (tmp_path / "own.trace").read_text().splitlines()[-1] == "1000"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "--to: either --to or --listen is needed"),
        (["--to", "x:1", "--listen", "1"], "--to: either"),
        (["--to", "127.0.0.1"], '--to: HOST:PORT is needed; given "127.0.0.1"'),
        (["--listen", "70000", "--out", "x"], "--listen: [HOST:]PORT is needed"),
        (["--listen", "7000"], "--out: is missing"),
        (["--to", "127.0.0.1:1", "--out", "x"], "--out: this end sends"),
        (["--to", "127.0.0.1:1", "--reverse"], "--out: is missing"),
        (["--listen", "7000", "--out", "none/x"], '--out: cannot write "none/x"'),
        (["--to", "127.0.0.1:1", "--duration", "1h"], '--duration: 1s to 600s; given "1h"'),
        (["--to", "127.0.0.1:1", "--limit", "1bit"], "--limit: 10kbit to 10Gbit"),
    ],
)
def test_wrong_options(mpsim: Mpsim, arguments: list[str], line: str) -> None:
    told = mpsim("traces", "record", *arguments)
    assert told.status == 2
    assert told.err.startswith(line)
    assert told.err.count("\n") == 1


def test_nobody_there_is_one_line(mpsim: Mpsim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "NO_ANSWER", 0.6)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        told = mpsim("traces", "record", "--to", f"127.0.0.1:{silent.getsockname()[1]}")
    assert told.status == 1
    assert "no answer from 127.0.0.1" in told.err
