"""What a running portal leaves for others on its host: a folder with a socket that tells its status, and addresses.

    FOLDER/NAME/status.sock      whoever connects is told the status as one JSON document
    FOLDER/NAME/addresses.json   where other portals were last seen, for the next life after a restart

FOLDER is systemd's RUNTIME_DIRECTORY, or /run/mpsim-portal for root and mpsim-portal in the user's XDG_RUNTIME_DIR
otherwise.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mpsim.errors import WorldError

FOLDER_VARIABLES = ("MPSIM_RUNTIME_FOLDER", "RUNTIME_DIRECTORY")
SYSTEM_FOLDER = Path("/run/mpsim-portal")
SOCKET, ADDRESSES = "status.sock", "addresses.json"
TIMEOUT = 2.0  # s, of one who asks
_SEND_TIMEOUT = 0.2  # s, of one who answers; a status fits into the kernel's buffer
_MOST_REMEMBERED = 1 << 20  # bytes
_LONGEST_STATUS = 1 << 24  # bytes
HIGHEST_PORT = 65_535


def runtime_folder() -> Path:
    """Return where portals of this host, or of this user, have their folders."""
    for name in FOLDER_VARIABLES:
        found = os.environ.get(name)
        if found:
            return Path(found.partition(":")[0])
    if os.geteuid() == 0:
        return SYSTEM_FOLDER
    home = os.environ.get("XDG_RUNTIME_DIR")
    return Path(home) / "mpsim-portal" if home else Path(tempfile.gettempdir()) / f"mpsim-portal-{os.geteuid()}"


def running(folder: Path) -> list[str]:
    """Return the names of the portals that have a socket there."""
    return sorted(path.parent.name for path in folder.glob(f"*/{SOCKET}"))


def ask(folder: Path, name: str) -> dict[str, Any]:
    """Return the status of a portal; raises WorldError if it is not running."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.settimeout(TIMEOUT)
        try:
            opened.connect(str(folder / name / SOCKET))
            with opened.makefile("rb") as answer:
                found = json.loads(answer.read(_LONGEST_STATUS))
        except (OSError, ValueError, RecursionError) as error:
            raise WorldError(f"portal {name} is not running here ({error})") from None
    if not isinstance(found, dict) or type(found.get("pid")) is not int:
        raise WorldError(f"portal {name} is not running here (somebody else answers)")
    return found


class Place:
    """The folder of one running portal.

    Parameters
        folder: of all portals
        name: of the TUN
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self._written: dict[str, Any] = {}
        self._listener: socket.socket | None = None
        try:
            found = ask(folder, name)
        except WorldError:
            pass
        else:
            raise WorldError(f"portal {name} is running already, as process {found['pid']}")
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise WorldError(f"{self.folder}: {error.strerror}") from None

    def listen(self) -> socket.socket:
        """Open the socket that tells the status."""
        path = self.folder / SOCKET
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        listener.bind(str(path))
        listener.listen(8)
        self._listener = listener
        return listener

    def answer(self, status: Callable[[], dict[str, Any]]) -> None:
        """Tell the status to who has connected."""
        assert self._listener is not None
        try:
            accepted, _ = self._listener.accept()
        except OSError:  # gone before we looked
            return
        with accepted, contextlib.suppress(OSError):
            accepted.settimeout(_SEND_TIMEOUT)
            accepted.sendall(json.dumps(status()).encode())

    def give_to(self, user: int, group: int) -> None:
        """Let another user be the owner of what is there."""
        for path in (self.folder, *self.folder.iterdir()):
            os.chown(path, user, group)

    def recall(self) -> dict[str, dict[str, tuple[str, int]]]:
        """Return the addresses that `remember` has kept; none if they cannot be read."""
        try:
            with (self.folder / ADDRESSES).open("rb") as file:
                return _addresses(json.loads(file.read(_MOST_REMEMBERED)))
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def remember(self, addresses: dict[str, Any]) -> None:
        """Keep addresses for the next life, if they have changed."""
        if addresses == self._written:
            return
        self._written = addresses
        new = self.folder / f"{ADDRESSES}.new"
        with contextlib.suppress(OSError):  # a full disk is no reason to stop
            new.unlink(missing_ok=True)
            # Where others are is nobody else's business.
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(json.dumps(addresses))
            new.replace(self.folder / ADDRESSES)

    def close(self) -> None:
        """Take the socket away."""
        if self._listener is not None:
            self._listener.close()
            with contextlib.suppress(OSError):
                (self.folder / SOCKET).unlink(missing_ok=True)


def _addresses(raw: Any) -> dict[str, dict[str, tuple[str, int]]]:
    """Return what a file holds, if all of it is addresses; raises ValueError, TypeError or AttributeError."""
    found = {}
    for portal, paths in raw.items():
        found[portal] = {path: (host, port) for path, (host, port) in paths.items()}
        for host, port in found[portal].values():
            ipaddress.ip_address(host.partition("%")[0])  # a name would be looked up with every datagram
            if type(port) is not int or not 0 < port <= HIGHEST_PORT:
                raise ValueError(f"port: 1 to {HIGHEST_PORT}; given {port!r}")
    return found
