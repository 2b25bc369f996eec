"""`mpsim portal up` but for its TUN: readiness, status, metrics, reload, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from commanding import Mpsim
from portaling import LONG, free_ports, running, wait_until, write_key

import mpsim.portal as package
from mpsim.portal import daemon
from mpsim.portal.interface import Interface
from mpsim.portal.runtime import Place, ask
from mpsim.portal.status import snapshot

CONFIG = """
[host]
name = "mps-test"

[[portal]]
name = "other"
key_file = "psk"
routes = ["10.9.0.0/24"]

[[portal.path]]
name = "a"
local_address = "127.0.0.1"
local_port = {port}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_key(tmp_path / "psk")
    file = tmp_path / "mps-test.toml"
    file.write_text(CONFIG.format(port=free_ports(1)[0]))
    return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime folder."""
    found = tmp_path / "run"
    monkeypatch.setenv("MPSIM_RUNTIME_FOLDER", str(found))
    return found


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Give the signals back."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_ready_reloaded_and_stopped(
    file: Path, folder: Path, own_signals: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(daemon, "_open_tun", lambda _config: Interface(os.dup(theirs.fileno())))
    supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    supervisor.settimeout(LONG)
    supervisor.bind(str(file.parent / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(file.parent / "notify"))
    said: list[str] = []

    def supervise() -> None:
        said.append(supervisor.recv(1000).decode())  # ready
        said.append(ask(folder, "mps-test")["name"])
        right = file.read_text()
        file.write_text(right.replace("10.9.0.0/24", "10.9.0.0/8"))
        os.kill(os.getpid(), signal.SIGHUP)
        said.extend(supervisor.recv(1000).decode() for _ in range(2))
        file.write_text(right.replace("10.9.0.0/24", "10.8.0.0/16"))
        os.kill(os.getpid(), signal.SIGHUP)
        said.extend(supervisor.recv(1000).decode() for _ in range(2))
        said.extend(ask(folder, "mps-test")["portals"][0]["routes"])
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=supervise)
    thread.start()
    daemon.up(file)
    thread.join()
    assert [text.partition("\n")[0] for text in said] == [
        "READY=1", "mps-test", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "10.8.0.0/16",
    ]  # fmt: skip
    assert "not reloaded: portal[0].routes[0]: a prefix is needed" in caplog.text
    assert not (folder / "mps-test" / "status.sock").exists()
    for opened in (ours, theirs, supervisor):
        opened.close()


def test_status_as_a_table_and_as_json(file: Path, folder: Path, mpsim: Mpsim) -> None:
    ended = mpsim("portal", "status")
    assert (ended.status, ended.err) == (1, "mpsim: no portal is running here\n")
    with running_with_status(file, folder):
        ended = mpsim("portal", "status", "--json")
        (found,) = json.loads(ended.out)
        assert found["portals"][0]["paths"][0] | {"local": ""} == {
            "name": "a", "up": False, "reason": "nobody came", "local": "", "remote": "", "metric": 0, "srtt_s": None,
            "loss_ratio": 0.0, "cwnd_bytes": None, "in_flight_bytes": 0, "queue_bytes": 0, "delivery_rate_bps": 0.0,
            "sent_datagrams": 0, "sent_data_bytes": 0, "received_datagrams": 0, "lost_datagrams": 0, "send_errors": 0,
            "downs": 0,
        }  # fmt: skip
        assert json.loads(mpsim("portal", "status", "mps-test", "--json").out)["name"] == "mps-test"
        assert "mps-test: mode aead" in mpsim("portal", "status").out
        with pytest.raises(Exception, match="is running already, as process"):
            Place(folder, "mps-test")
    assert "is not running here" in mpsim("portal", "status", "mps-test").err


class running_with_status:  # noqa: N801  # reads as what it is
    """A portal that tells its status."""

    def __init__(self, file: Path, folder: Path) -> None:
        import tomllib

        self._running = running(tomllib.loads(file.read_text()), file.parent)
        self._place = Place(folder, "mps-test")

    def __enter__(self) -> None:
        found = self._running.__enter__()
        listener = self._place.listen()

        def add() -> None:
            portal = found.portal
            portal.loop.add_reader(listener.fileno(), lambda: self._place.answer(lambda: snapshot(portal)))

        found.in_loop(add)

    def __exit__(self, *details: object) -> None:
        self._running.__exit__(None, None, None)
        self._place.close()


def test_what_is_remembered_is_recalled(folder: Path) -> None:
    place = Place(folder, "mps-test")
    assert place.recall() == {}
    place.remember({"home": {"a": ("::ffff:192.0.2.1", 4725)}})
    assert place.recall() == {"home": {"a": ("::ffff:192.0.2.1", 4725)}}
    file = folder / "mps-test" / "addresses.json"
    assert file.stat().st_mode & 0o777 == 0o600
    for wrong in (
        '{"home": 3}',
        '{"home": {"a": ["portal.example.org", 4725]}}',
        '{"home": {"a": ["192.0.2.1", 0]}}',
        '{"home": {"a": ["192.0.2.1", 1e999]}}',
        '{"home": {"a": ["192.0.2.1", true]}}',
        '{"home": {"a": [1, 4725]}}',
        "[" * 100_000,
        "{",
    ):
        file.write_text(wrong)
        assert place.recall() == {}, wrong


def test_a_draft_that_was_left_behind_is_no_obstacle(folder: Path) -> None:
    place = Place(folder, "mps-test")
    (folder / "mps-test" / "addresses.json.new").write_text("half")
    place.remember({"home": {"a": ("192.0.2.1", 4725)}})
    assert place.recall() == {"home": {"a": ("192.0.2.1", 4725)}}


def test_prometheus_reads_the_status(file: Path) -> None:
    pytest.importorskip("prometheus_client")
    from mpsim.portal.exporter import Exporter

    with running({"host": {"name": "x", "mode": "none"}, "portal": [
        {"name": "other", "routes": ["::/0"], "path": [{"name": "a", "local_port": free_ports(1)[0]}]}
    ]}, file.parent) as found:  # fmt: skip
        status = found.in_loop(lambda: snapshot(found.portal))
    status["portals"][0]["rejected"] = {"forged": 3}
    status["portals"][0]["paths"][0] |= {"up": True, "srtt_s": 0.025, "received_datagrams": 7}
    exporter = Exporter(free_ports(1)[0], status)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
    finally:
        exporter.close()
    assert 'mpsim_path_up{path="a",portal="other"} 1.0' in lines
    assert 'mpsim_path_srtt_seconds{path="a",portal="other"} 0.025' in lines
    assert 'mpsim_path_received_datagrams_total{path="a",portal="other"} 7.0' in lines
    assert 'mpsim_portal_rejected_datagrams_total{cause="forged",portal="other"} 3.0' in lines


def test_the_unit_starts_what_there_is(file: Path, mpsim: Mpsim) -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(Path(package.__path__[0]) / "mpsim-portal@.service")
    words = unit["Service"]["ExecStart"].split()
    assert (words[0], words[-1]) == ("/usr/local/bin/mpsim", "/etc/mpsim/%i.toml")
    assert mpsim(*words[1:-1], "--help").status == 0
    assert unit["Service"]["Type"] == "notify"


def test_up_without_the_right_to_a_tun_says_so(
    file: Path, folder: Path, mpsim: Mpsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(daemon, "open_tun", refused)
    ended = mpsim("portal", "up", file)
    assert ended.status == 1
    assert "mps-test: /dev/net/tun cannot be used: Operation not permitted" in ended.err
    wait_until(lambda: not (folder / "mps-test" / "status.sock").exists())
