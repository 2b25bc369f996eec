"""Sockets while interfaces come and go: opened when they can be, bound anew to an interface that was made anew."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from portaling import free_ports, path, running, wait_until, write_key

from mpsim.portal import port as module
from mpsim.portal.config import PathSpec
from mpsim.portal.fields import Remote
from mpsim.portal.port import Place, Port, mapped, runs, shown_address
from mpsim.portal.way import RETRY, Way


class Interface:
    """A network interface as a port sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.index, self.carrier = 1, True
        self.bound: list[str] = []
        self.refuses = False
        monkeypatch.setattr(module, "has_carrier", lambda _name: self.carrier)
        monkeypatch.setattr(module, "_index_of", lambda _name: self.index)
        monkeypatch.setattr(module, "bind_to_interface", self._bind)

    def _bind(self, _socket: object, name: str) -> None:
        if self.refuses:
            self.refuses = False
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self.bound.append(name)


@pytest.fixture
def interface(monkeypatch: pytest.MonkeyPatch) -> Interface:
    return Interface(monkeypatch)


class Watched(Port):
    """A port, and which descriptors a loop would be told of."""

    def __init__(self) -> None:
        super().__init__(Place("eth9", "127.0.0.1", 0, True, "x"))
        self.opened: list[int] = []
        self.closed: list[int] = []

    def look(self) -> None:
        self.tend(self.opened.append, self.closed.append)


def test_a_port_opens_once_its_interface_is_there(interface: Interface) -> None:
    port = Watched()
    interface.index = 0
    port.look()
    assert (port.usable, port.trouble, port.opened) == (False, "eth9: no such interface", [])
    with pytest.raises(OSError, match="No such device"):
        port.send(b"", ("127.0.0.1", 1))
    interface.index = 5
    port.look()
    port.look()
    assert (port.usable, port.trouble, len(port.opened), interface.bound) == (True, "", 1, ["eth9"])
    port.close()


def test_a_lost_carrier_is_told_and_the_socket_kept(interface: Interface) -> None:
    port = Watched()
    port.look()
    interface.carrier = False
    port.look()
    assert (port.usable, port.trouble) == (False, "eth9: no carrier")
    interface.carrier = True
    port.look()
    assert (port.usable, len(port.opened), port.closed, interface.bound) == (True, 1, [], ["eth9"])
    port.close()


def test_an_interface_made_anew_is_bound_anew_even_if_nobody_saw_it_go(interface: Interface) -> None:
    port = Watched()
    port.look()
    interface.index = 7
    port.look()
    assert (port.usable, interface.bound, port.closed) == (True, ["eth9", "eth9"], [])
    port.close()


def test_who_may_not_bind_again_opens_another_socket(interface: Interface) -> None:
    port = Watched()
    port.look()
    interface.index, interface.refuses = 7, True
    port.look()
    assert port.usable
    assert (len(port.opened), len(port.closed)) == (2, 1)
    port.close()


def test_an_address_that_is_not_there_yet() -> None:
    port = Port(Place(None, "192.0.2.1", 0, True, "x"))
    port.tend(lambda _: None, lambda _: None)
    assert (port.usable, port.trouble) == (False, "cannot be opened: Cannot assign requested address")


class Broken(Port):
    """A port whose sends fail."""

    def __init__(self, error: int) -> None:
        super().__init__(Place(None, None, 0, True, "x"))
        self._error = error
        self.send = self._fail

    def _fail(self, _data: bytes, _address: object) -> int:
        raise OSError(self._error, os.strerror(self._error))

    @property
    def usable(self) -> bool:
        return True


SPEC = PathSpec.model_validate({"name": "a", "remote": "192.0.2.1:4725"})


@pytest.mark.parametrize("error", [errno.ENETUNREACH, errno.ENODEV, errno.ENETDOWN, errno.EADDRNOTAVAIL])
def test_a_way_that_has_gone_rests_and_is_tried_again(error: int) -> None:
    way = Way(0, SPEC, Broken(error))
    way.address = ("192.0.2.1", 4725)
    assert not way.send(b"x", None, 1.0)
    assert not way.usable(1.0 + RETRY / 2)
    assert way.usable(1.0 + RETRY)
    assert way.reason() == f"cannot send: {os.strerror(error)}"


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.EMSGSIZE])
def test_what_concerns_one_datagram_is_no_trouble_of_the_path(error: int) -> None:
    way = Way(0, SPEC, Broken(error))
    way.address = ("192.0.2.1", 4725)
    assert way.send(b"x", None, 1.0)
    assert way.usable(1.0)
    assert (way.send_errors, way.trouble) == (1, "")


def test_addresses_of_a_name_are_tried_in_turn() -> None:
    spec = PathSpec.model_validate({"name": "a", "remote": "name.example:1"})
    way = Way(0, spec, Port(Place(None, None, 0, True, "x")))
    assert way.wants_address(0.0, 0.0)
    assert not way.wants_address(0.1, 0.0), "one question at a time"
    assert way.resolved(["2001:db8::1", "192.0.2.1", "192.0.2.2"], up=False)
    assert way.address == ("192.0.2.1", 1), "a socket of IPv4 takes no IPv6"
    assert not way.wants_address(1.0, 0.5)
    assert way.wants_address(30.0, 0.5)
    assert not way.resolved(["192.0.2.9"], up=True), "it has come up meanwhile"
    assert way.wants_address(60.0, 0.5)
    assert way.resolved(["192.0.2.1", "192.0.2.2"], up=False)
    assert way.address == ("192.0.2.2", 1)
    assert way.wants_address(90.0, 0.5)
    assert not way.resolved([], up=False)
    assert way.address == ("192.0.2.2", 1)


def test_addresses_as_sockets_and_people_write_them() -> None:
    assert mapped("192.0.2.1", dual=True) == "::ffff:192.0.2.1"
    assert mapped("192.0.2.1", dual=False) == "192.0.2.1"
    assert mapped("2001:db8::1", dual=True) == "2001:db8::1"
    assert shown_address(("::ffff:192.0.2.1", 7)) == "192.0.2.1:7"
    assert shown_address(("fe80::1%eth0", 7)) == "[fe80::1%eth0]:7"
    assert str(Remote("2001:db8::1", 7)) == "[2001:db8::1]:7"


def test_what_happens_again_and_again_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_key(tmp_path / "psk")
    raw = {
        "host": {"name": "mps-test"},
        "portal": [
            {
                "name": "other",
                "key_file": "psk",
                "routes": ["::/0"],
                "path": [path("a", at=free_ports(1)[0], interface="mps-none")],
            }
        ],
    }
    looks: list[float] = []
    with running(raw, tmp_path) as found:
        found.in_loop(lambda: found.portal.loop.call_every(0.0, 0.1, looks.append))
        wait_until(lambda: len(looks) > 8)
    assert caplog.text.count("mps-none: no such interface") == 1


def test_datagrams_are_cut_into_runs_of_equal_size() -> None:
    sizes = [10, 10, 10, 4, 4, 10, 12, *[1400] * 100]
    found = [[len(data) for data in run] for run in runs([bytes(size) for size in sizes])]
    assert found == [[10, 10, 10, 4], [4], [10], [12], [1400] * 46, [1400] * 46, [1400] * 8]
    assert list(runs([])) == []
    assert [len(run) for run in runs([b"x"] * 150)] == [64, 64, 22]


@pytest.mark.parametrize("joins", [True, False])
def test_a_run_arrives_as_the_datagrams_that_it_is_of(joins: bool) -> None:
    sender, receiver = (Port(Place(None, "127.0.0.1", 0, True, "x")) for _ in range(2))
    for port in (sender, receiver):
        port.tend(lambda _: None, lambda _: None)
    sender.joins = joins
    host, _, number = receiver.name.partition(":")
    run = [bytes([position]) * 1000 for position in range(40)] + [b"last"]
    for part in runs(run):
        sender.send_run(part, (host, int(number)))
    found: list[bytes] = []
    wait_until(lambda: bool(found.extend(data for data, _ in receiver.drain()) or len(found) == len(run)))
    assert found == run
    assert sender.joins == joins
    sender.close()
    receiver.close()


def test_where_runs_cannot_be_sent_their_datagrams_are(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Port(Place(None, "127.0.0.1", 0, True, "x"))
    port.tend(lambda _: None, lambda _: None)
    # A kernel that does not know what comes along with the run.
    monkeypatch.setattr(module, "segmented", lambda size: [(17, 103, bytes(size % 3))])
    sent: list[bytes] = []
    port.send = lambda data, _: sent.append(data) or len(data)
    port.send_run([b"one", b"two"], ("127.0.0.1", 9))
    assert (sent, port.joins) == ([b"one", b"two"], False)
    port.close()
