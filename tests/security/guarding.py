"""Two guards joined by hand: what each says is carried, or not, as the test wants it."""

from __future__ import annotations

from random import Random

from mpsim.tunnel.datagrams import Data, Handshake
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.security.cookie import Address
from mpsim.tunnel.security.guard import Guard
from mpsim.tunnel.security.keys import Credentials
from mpsim.tunnel.security.primitives import public_of
from mpsim.tunnel.wire import microseconds

OVERHEAD = 68
KEYS = {side: Random(side).randbytes(32) for side in ("local", "remote", "stranger")}


def credentials(side: str, other: str, psk: bytes = bytes(32)) -> Credentials:
    """What `side` needs to talk to `other`."""
    return Credentials(private=KEYS[side], peer=public_of(KEYS[other]), psk=psk)


def guard(side: str = "local", other: str = "remote", **more: object) -> Guard:
    """One end's guard."""
    given: dict[str, object] = {
        "credentials": credentials(side, other),
        "mode": "aead",
        "overheads": [OVERHEAD, OVERHEAD],
        "epoch": Random(side).getrandbits(32),
        "entropy": Random(f"entropy of {side}").randbytes,
        "initiates": side == "local",
    }
    given.update(more)
    return Guard(**given)  # type: ignore[arg-type]


def inner(number: int) -> bytes:
    """An IPv4 and UDP packet of 40 bytes, which ends with its number."""
    return bytes.fromhex("4500002800010000401100000a0000010a0000021389138a00140000") + number.to_bytes(12, "big")


class Ends:
    """A local and a remote guard, a clock, and numbers for the datagrams that are sent."""

    def __init__(self, **more: object) -> None:
        self.local, self.remote = guard("local", "remote", **more), guard("remote", "local", **more)
        self.now = 0.0
        self.sent: list[tuple[str, bytes]] = []  # handshake messages: who sent them
        self._numbers = {"local": [0, 0], "remote": [0, 0]}

    def of(self, side: str) -> Guard:
        return self.local if side == "local" else self.remote

    def tick(self, side: str = "local", usable: tuple[int, ...] = (0, 1)) -> list[Handshake]:
        """Let time do its work on one side, and take what it says."""
        self.of(side).on_time(self.now, usable)
        return self.of(side).take(self.now)

    def carry(self, source: Address | None = ("192.0.2.1", 4725), usable: tuple[int, ...] = (0, 1)) -> None:
        """Carry handshake messages both ways until there are none."""
        waiting = {"local": self.tick("local", usable), "remote": self.tick("remote", usable)}
        while waiting["local"] or waiting["remote"]:
            for side, other in (("local", "remote"), ("remote", "local")):
                for message in waiting[side]:
                    self.sent.append((side, message.data))
                    self.of(other).open(message.data, message.path, self.now, source if side == "local" else None)
                waiting[side] = []
                waiting[other] += self.of(other).take(self.now)

    def datagram(self, side: str = "local", path: int = 0, number: int | None = None) -> Data:
        """The next datagram of a path, which carries its number."""
        if number is None:
            number = self._numbers[side][path]
            self._numbers[side][path] += 1
        end = self.of(side)
        packet = Packet.from_bytes(inner(number))
        return Data(end.epoch, path, number, microseconds(self.now), packet.cls, number, packet, overhead=OVERHEAD)

    def seal(self, side: str = "local", path: int = 0) -> bytes:
        """The bytes of the next datagram of a path."""
        end = self.of(side)
        end._now = self.now  # a driver takes what is to leave, which tells the time, before it seals
        data = end.seal(self.datagram(side, path))
        assert data is not None
        return data

    def arrives(self, data: bytes, side: str = "remote", path: int = 0, source: Address | None = None) -> bool:
        """Whether bytes that come in at `side` are let through."""
        return self.of(side).open(data, path, self.now, source) is not None

    def join(self) -> None:
        """Begin a session, and confirm it."""
        self.carry()
        assert self.arrives(self.seal())
        assert self.local.ready
        assert self.remote.ready
