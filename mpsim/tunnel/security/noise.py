"""Handshakes of the Noise protocol framework (revision 34): IKpsk2 between identities, NNpsk0 between who share a key.

Both take one round trip, begin with fresh ephemeral keys and end with a key each way:

    IKpsk2    <- s (known before)    -> e, es, s, ss    <- e, ee, se, psk
    NNpsk0                           -> psk, e          <- e, ee

With X25519, ChaCha20-Poly1305 and BLAKE2s throughout.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from mpsim.tunnel.security.primitives import CIPHERS, KEY_SIZE, diffie_hellman, hash_of, hkdf, public_of

TAG_SIZE = 16
SUFFIX = "25519_ChaChaPoly_BLAKE2s"
PATTERNS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "IKpsk2": (("e", "es", "s", "ss"), ("e", "ee", "se", "psk")),
    "NNpsk0": (("psk", "e"), ("e", "ee")),
}
_CHACHA = CIPHERS["chacha20-poly1305"]
_NONCE = struct.Struct("<IQ")  # section 12.3: 32 bits of zeros, then the count


class Handshake:
    """One handshake as one side sees it.

    Parameters
        pattern: "IKpsk2" or "NNpsk0"
        initiator: whether this side sends the first message
        prologue: what both must agree on beforehand
        psk: the pre-shared key; zeros in IKpsk2 where there is none
        ephemeral: a fresh private key, never used before
        static, remote: IKpsk2's own private key, and the other's public one (the responder learns it)
    """

    def __init__(
        self,
        pattern: str,
        *,
        initiator: bool,
        prologue: bytes,
        psk: bytes,
        ephemeral: bytes,
        static: bytes = b"",
        remote: bytes = b"",
    ) -> None:
        name = f"Noise_{pattern}_{SUFFIX}".encode()
        # Section 5.2: a name of at most a hash's length is padded, a longer one hashed.
        self.hash = name.ljust(KEY_SIZE, b"\0") if len(name) <= KEY_SIZE else hash_of(name)
        self._chain = self.hash
        self._key = b""
        self._nonce = 0
        self._pattern = pattern
        self._messages = PATTERNS[pattern]
        self._position = 0
        self._initiator = initiator
        self._psk = psk
        self._ephemeral = ephemeral
        self._remote_ephemeral = b""
        self._static = static
        self.remote = remote
        self._mix_hash(prologue)
        if pattern == "IKpsk2":
            self._mix_hash(remote if initiator else public_of(static))

    def copy(self) -> Handshake:
        """Return another at the same point: reading what is not authentic spoils one."""
        # Not copy.copy, which knows nothing of the compiled class's attributes.
        twin = Handshake(
            self._pattern,
            initiator=self._initiator,
            prologue=b"",
            psk=self._psk,
            ephemeral=self._ephemeral,
            static=self._static,
            remote=self.remote,
        )
        twin.hash, twin._chain, twin._key, twin._nonce = self.hash, self._chain, self._key, self._nonce
        twin._position, twin._remote_ephemeral = self._position, self._remote_ephemeral
        return twin

    def write(self, payload: bytes) -> bytes:
        """Return the next message."""
        parts: list[bytes] = []
        for step in self._take_steps():
            if step == "e":
                public = public_of(self._ephemeral)
                parts.append(public)
                self._mix_ephemeral(public)
            elif step == "s":
                parts.append(self._encrypt(public_of(self._static)))
            else:
                self._mix(step)
        parts.append(self._encrypt(payload))
        return b"".join(parts)

    def read(self, message: bytes) -> bytes:
        """Return the payload of the other side's message; raises ValueError or InvalidTag."""
        for step in self._take_steps():
            if step == "e":
                self._remote_ephemeral, message = _cut(message, KEY_SIZE)
                self._mix_ephemeral(self._remote_ephemeral)
            elif step == "s":
                sealed, message = _cut(message, KEY_SIZE + TAG_SIZE)
                self.remote = self._decrypt(sealed)
            else:
                self._mix(step)
        return self._decrypt(message)

    def split(self) -> tuple[bytes, bytes]:
        """Return the keys to send and to receive with."""
        first, second = hkdf(self._chain, b"", 2)
        return (first, second) if self._initiator else (second, first)

    def _take_steps(self) -> tuple[str, ...]:
        steps = self._messages[self._position]
        self._position += 1
        return steps

    def _mix(self, step: str) -> None:
        """Mix in a key: pre-shared, or agreed by the two keys that the step names, the initiator's first."""
        if step == "psk":
            self._chain, extra, self._key = hkdf(self._chain, self._psk, 3)
            self._mix_hash(extra)
            self._nonce = 0
            return
        first, second = step[0], step[1]
        own, other = (first, second) if self._initiator else (second, first)
        private = self._ephemeral if own == "e" else self._static
        public = self._remote_ephemeral if other == "e" else self.remote
        self._mix_key(diffie_hellman(private, public))

    def _mix_ephemeral(self, public: bytes) -> None:
        # Section 9.2: where there is a pre-shared key, the ephemeral one is mixed into the key, too.
        self._mix_hash(public)
        self._mix_key(public)

    def _mix_key(self, material: bytes) -> None:
        self._chain, self._key = hkdf(self._chain, material, 2)
        self._nonce = 0

    def _mix_hash(self, data: bytes) -> None:
        self.hash = hash_of(self.hash, data)

    def _next_nonce(self) -> bytes:
        nonce = _NONCE.pack(0, self._nonce)
        self._nonce += 1
        return nonce

    def _encrypt(self, data: bytes) -> bytes:
        sealed = _CHACHA(self._key).encrypt(self._next_nonce(), data, self.hash)
        self._mix_hash(sealed)
        return sealed

    def _decrypt(self, sealed: bytes) -> bytes:
        data = _CHACHA(self._key).decrypt(self._next_nonce(), sealed, self.hash)
        self._mix_hash(sealed)
        return data


def _cut(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size + TAG_SIZE:
        raise ValueError("a truncated handshake")
    return message[:size], message[size:]
