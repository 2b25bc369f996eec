"""Keys as people handle them: 32 bytes in base64, a line each, as WireGuard has them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field

from mpsim.tunnel.security.primitives import KEY_SIZE, hash_of, public_of

NO_PSK = bytes(KEY_SIZE)


def to_text(key: bytes) -> str:
    """Return a key as a line of base64."""
    return base64.b64encode(key).decode()


def from_text(text: str) -> bytes:
    """Return the key in a line of base64; raises ValueError."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not a key: 32 bytes in base64") from None
    if len(key) != KEY_SIZE:
        raise ValueError(f"a key has {KEY_SIZE} bytes; given {len(key)}")
    return key


def new_key(entropy: Callable[[int], bytes]) -> bytes:
    """Return a new private or pre-shared key."""
    return entropy(KEY_SIZE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """By what two portals know each other: a private key and the other's public key, or a pre-shared key, or both."""

    private: bytes = field(default=b"", repr=False)
    peer: bytes = b""
    psk: bytes = field(default=NO_PSK, repr=False)

    def __post_init__(self) -> None:
        if bool(self.private) != bool(self.peer):
            raise ValueError("a private key and the other portal's public key belong together")
        if not self.private and self.psk == NO_PSK:
            raise ValueError("a private key or a pre-shared key")

    @property
    def pattern(self) -> str:
        """The Noise pattern."""
        return "IKpsk2" if self.private else "NNpsk0"

    @property
    def own_identity(self) -> bytes:
        """What messages for this end are addressed to."""
        return public_of(self.private) if self.private else hash_of(b"psk", self.psk)

    @property
    def peer_identity(self) -> bytes:
        """What messages for the other end are addressed to."""
        return self.peer or hash_of(b"psk", self.psk)
