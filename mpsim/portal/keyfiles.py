"""The keys that a configuration names: read, checked, and made into what two portals know each other by."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpsim.errors import Fault
from mpsim.scenario.cross import tables
from mpsim.scenario.faults import shown
from mpsim.tunnel.security.keys import NO_PSK, Credentials, from_text
from mpsim.tunnel.security.primitives import public_of

MOST_BYTES = 1000  # of a key file that are looked at
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyRing:
    """All keys of one configuration.

    Parameters
        raw: the configuration as the file has it
        folder: where relative file names start

    `credentials` has one entry a portal, `faults` what is wrong.
    """

    def __init__(self, raw: Mapping[str, Any], folder: Path) -> None:
        self.faults: list[Fault] = []
        self._folder = folder
        host = raw.get("host")
        host = host if isinstance(host, Mapping) else {}
        self._needed = host.get("mode", "aead") in ("aead", "mac")  # not a set: what is no text may have no hash
        self._private = self._file("host.private_key_file", host.get("private_key_file"))
        self._named = isinstance(host.get("private_key_file"), str)
        self._seen: dict[tuple[str, bytes], str] = {}
        self.credentials = tuple(self._of(key, portal) for key, portal in tables(raw, "portal"))

    def _of(self, key: str, portal: Mapping[str, Any]) -> Credentials | None:
        psk = self._file(f"{key}.key_file", portal.get("key_file"))
        peer = self._peer(portal.get("public_key"))
        if not self._needed:
            return None
        if "public_key" in portal and not self._named:
            self.faults.append(Fault("host.private_key_file", f"is missing beside {key}.public_key"))
        if "public_key" not in portal and "key_file" not in portal:
            also = "" if self._named else " with host.private_key_file"
            self.faults.append(Fault(f"{key}.public_key", f"is missing{also}; or key_file, a pre-shared key"))
        if peer and self._private and peer == public_of(self._private):
            self.faults.append(Fault(f"{key}.public_key", "the other portal's is needed; given this host's own"))
        for kind, found in (("public_key", peer), ("key_file", b"" if peer else psk)):
            first = self._seen.setdefault((kind, found), key)
            if found and first != key:
                self.faults.append(Fault(f"{key}.{kind}", f"a key of its own is needed; given {first}'s"))
        if peer and self._private:
            return Credentials(private=self._private, peer=peer, psk=psk or NO_PSK)
        return Credentials(psk=psk) if psk and not peer else None

    @staticmethod
    def _peer(text: Any) -> bytes:
        try:
            return from_text(text) if isinstance(text, str) else b""
        except ValueError:  # told already
            return b""

    def _file(self, key: str, name: Any) -> bytes:
        """Return the key in a file; empty: none, or a fault was noted."""
        if not isinstance(name, str) or not name:
            return b""
        path = self._folder / name
        try:
            mode = path.stat().st_mode
            with path.open("rb") as file:
                found = from_text(file.read(MOST_BYTES).decode("ascii"))
        except OSError as error:
            self.faults.append(Fault(key, f"cannot be read: {error.strerror}; given {shown(name)}"))
            return b""
        except (UnicodeDecodeError, ValueError) as error:
            reason = "not a key: 32 bytes in base64" if isinstance(error, UnicodeDecodeError) else str(error)
            self.faults.append(Fault(key, f"{reason}; given {shown(name)}"))
            return b""
        if mode & _OTHERS:
            given = f"{stat.S_IMODE(mode):04o}"
            self.faults.append(Fault(key, f"readable by its owner alone (chmod 600 {name}); given {given}"))
        if found == NO_PSK:
            self.faults.append(Fault(key, "a key that is not all zeros"))
            return b""
        return found
