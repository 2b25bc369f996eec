"""The cryptographic functions that the rest is made of; the only file that imports `cryptography`.

X25519 (RFC 7748), ChaCha20-Poly1305 (RFC 8439), AES-256-GCM (NIST SP 800-38D), BLAKE2s (RFC 7693), HMAC (RFC 2104),
and for an imitation RSA signatures (RFC 8017).
"""

from __future__ import annotations

import hmac as _hmac
from collections.abc import Callable
from hashlib import blake2s
from typing import Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = [
    "CIPHERS",
    "KEY_SIZE",
    "Cipher",
    "InvalidTag",
    "RsaKey",
    "diffie_hellman",
    "equal",
    "hash_of",
    "hkdf",
    "mac",
    "public_of",
]

KEY_SIZE = 32
HASH_SIZE = 32
MAC_SIZE = 16


class Cipher(Protocol):
    """Authenticated encryption with associated data, under one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the ciphertext and its 16-byte tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Return the plaintext; raises InvalidTag."""


CIPHERS: dict[str, Callable[[bytes], Cipher]] = {"chacha20-poly1305": ChaCha20Poly1305, "aes-256-gcm": AESGCM}


def public_of(private: bytes) -> bytes:
    """Return the public key (32 bytes) of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def diffie_hellman(private: bytes, public: bytes) -> bytes:
    """Return the shared secret (32 bytes); raises ValueError for a public key of low order."""
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def hash_of(*parts: bytes) -> bytes:
    """Return BLAKE2s of the parts, one after the other (32 bytes)."""
    return blake2s(b"".join(parts)).digest()


def mac(key: bytes, data: bytes) -> bytes:
    """Return BLAKE2s of the data, keyed, 16 bytes."""
    return blake2s(data, key=key, digest_size=MAC_SIZE).digest()


def equal(one: bytes, other: bytes) -> bool:
    """Compare without telling by the time it takes where they differ."""
    return _hmac.compare_digest(one, other)


def hkdf(chaining_key: bytes, material: bytes, count: int) -> list[bytes]:
    """Return `count` keys of 32 bytes (Noise, revision 34, section 4.3; RFC 5869 with an empty info)."""
    secret = _hmac.digest(chaining_key, material, "blake2s")
    outputs: list[bytes] = []
    last = b""
    for number in range(1, count + 1):
        last = _hmac.digest(secret, last + bytes((number,)), "blake2s")
        outputs.append(last)
    return outputs


# Of the RSA that is imitated: bytes of a prime, and the public exponent.
PRIME_SIZE = 64
EXPONENT = 65_537


class RsaKey:
    """An RSA key from a seeded stream: it imitates what others do, and is too short to protect anything.

    Parameters
        entropy: gives so many random bytes
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        first, second = self._prime(entropy), self._prime(entropy)
        public = rsa.RSAPublicNumbers(EXPONENT, first * second)
        private = pow(EXPONENT, -1, (first - 1) * (second - 1))
        self._private = rsa.RSAPrivateNumbers(
            first,
            second,
            private,
            rsa.rsa_crt_dmp1(private, first),
            rsa.rsa_crt_dmq1(private, second),
            rsa.rsa_crt_iqmp(first, second),
            public,
        ).private_key()

    @staticmethod
    def _prime(entropy: Callable[[int], bytes]) -> int:
        high, odd = 3 << (8 * PRIME_SIZE - 2), 1
        while True:
            found = int.from_bytes(entropy(PRIME_SIZE), "big") | high | odd
            # Fermat's test: of random numbers of this size next to none pass without being prime.
            if pow(2, found - 1, found) == 1 and (found - 1) % EXPONENT:
                return found

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes (RSASSA-PKCS1-v1_5, SHA-256)."""
        return self._private.sign(data, padding.PKCS1v15(), SHA256())

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Return whether a signature is this key's."""
        try:
            self._private.public_key().verify(signature, data, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True
