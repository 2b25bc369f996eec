"""What a portal reads, with changes: its configuration, keys, remembered addresses, status, packets of its TUN."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from spoiling import accepted, spoilt

from mpsim.errors import InputError, WorldError
from mpsim.portal.config import Config, read
from mpsim.portal.inner import clamped, too_big
from mpsim.portal.runtime import Place, ask
from mpsim.portal.setup import ROLES, script
from mpsim.tunnel.security.keys import to_text
from mpsim.tunnel.security.primitives import public_of

PAGE = Path(__file__).parents[1] / "docs" / "portal.md"
OWN = {4: ipaddress.ip_address("10.0.0.1"), 6: ipaddress.ip_address("fd00::1")}
ADDRESSES = {"home": {"dsl": ["::ffff:192.0.2.1", 4725], "lte": ["2001:db8::1", 65_535]}, "other": {}}


def keys(folder: Path) -> str:
    """Leave a private key in a folder; return another's public one."""
    file = folder / "nc0.key"
    file.touch(mode=0o600)
    file.write_text(to_text(bytes(range(32))) + "\n")
    return to_text(public_of(bytes(range(1, 33))))


def configurations(folder: Path) -> list[bytes]:
    """The configurations that the page shows, with keys; they are right."""
    public = keys(folder)
    shown = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = [re.sub(r'public_key = ".*?"', f'public_key = "{public}"', text).encode() for text in shown]
    assert len(found) == 2
    return found


def configuration_files(count: int, folder: Path) -> int:
    """Read configurations with changes; return how many were right all the same."""
    random, right = Random("portal configurations"), 0
    texts, path = configurations(folder), folder / "spoilt.toml"
    for text in texts:
        path.write_bytes(text)
        assert isinstance(read(path), Config)
    for _ in range(count):
        path.write_bytes(spoilt(random.choice(texts), random))
        try:
            config = read(path)
        except InputError as error:
            lines = str(error).splitlines()
            assert lines
            assert all(line.strip() for line in lines)
        else:
            right += 1
            for role in ROLES:
                with suppress(InputError):  # not everything that is right is one of this role
                    assert script(config, role)
    return right


def key_files(count: int, folder: Path) -> int:
    """Read a right configuration beside a key file with changes; return how many were right all the same."""
    random, right = Random("key files"), 0
    path, key = folder / "nc0.toml", folder / "nc0.key"
    path.write_bytes(configurations(folder)[0])
    whole = key.read_bytes()
    for _ in range(count):
        key.write_bytes(spoilt(whole, random))
        try:
            right += isinstance(read(path), Config)
        except InputError as error:
            told = {fault.key for fault in error.faults}
            if told != {"host.private_key_file"}:
                raise
    return right


def remembered(count: int, folder: Path) -> int:
    """Recall addresses from files with changes; return how often there were some."""
    random, some = Random("addresses"), 0
    place = Place(folder, "spoilt")
    whole, path = json.dumps(ADDRESSES).encode(), folder / "spoilt" / "addresses.json"
    for _ in range(count):
        path.write_bytes(spoilt(whole, random))
        found = place.recall()
        some += bool(found)
        for host, port in (address for paths in found.values() for address in paths.values()):
            assert ipaddress.ip_address(host.partition("%")[0])
            assert 0 < port < 65_536
    return some


PORTAL_FILES: tuple[Callable[[int, Path], int], ...] = (configuration_files, key_files, remembered)


def tun_packets(count: int) -> int:
    """Do with packets from a TUN, with changes, what a router does; return how many were packets."""
    random, right = Random("packets of a TUN"), 0
    for data, _ in accepted(random, count):
        right += 1
        mtu = random.choice((576, 1280, 1432))
        assert len(clamped(data, mtu)) == len(data)
        long = data + random.randbytes(1500)
        answer = too_big(long, mtu, OWN[data[0] >> 4])
        assert answer is None or len(answer) <= 1280
    return right


def status_answers(count: int, folder: Path) -> int:
    """Ask somebody who answers anything; return how often that could be an answer."""
    random, some = Random("status answers"), 0
    whole = json.dumps({"schema": 1, "name": "spoilt", "pid": 1, "portals": [{"name": "home", "paths": []}]}).encode()
    (folder / "spoilt").mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "spoilt" / "status.sock"))
        listener.listen(1)
        answers = [spoilt(whole, random) if number else b"[" * 100_000 for number in range(count)]

        def answer() -> None:
            for data in answers:
                accepted, _ = listener.accept()
                with accepted, suppress(OSError):
                    accepted.sendall(data)

        thread = threading.Thread(target=answer)
        thread.start()
        for _ in answers:
            with suppress(WorldError):
                some += isinstance(ask(folder, "spoilt")["pid"], int)
        thread.join()
    return some


def status_requests(count: int, place: Place, folder: Path) -> None:
    """Ask a portal in every wrong way: it answers the next one who asks."""
    random = Random("status requests")
    path = str(folder / "status.sock")
    for _ in range(count):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
            opened.connect(path)
            way = random.randrange(3)
            if way == 0:
                continue  # gone at once
            with suppress(BrokenPipeError, ConnectionResetError):
                opened.sendall(random.randbytes(random.choice((1, 100, 10_000))))
            if way == 1:
                continue
            with suppress(ConnectionResetError):
                assert opened.recv(10)
    assert place.folder == folder
    with pytest.raises(WorldError, match="is running already"):
        Place(folder.parent, folder.name)
