"""Where datagrams become bytes and bytes datagrams: sealed and opened by a guard, or as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpsim.tunnel.datagrams import Data, Datagram, Sealed
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.wire import WireError, decode, encode

if TYPE_CHECKING:
    from mpsim.tunnel.security.cookie import Address
    from mpsim.tunnel.security.exchange import Exchange


class Boundary(ABC):
    """An endpoint's side towards the network.

    rejected: how many datagrams were refused, by cause

    Parameters
        paths: in the order of the scenario
        guard: what makes datagrams authentic and fresh; None: nothing does (mode "none")
    """

    def __init__(self, paths: Sequence[Path], guard: Exchange | None) -> None:
        self.paths = list(paths)
        self.guard = guard
        self.rejected: Counter[str] = Counter() if guard is None else guard.rejected
        self._alarm = 0.0  # when the endpoint is to be called (s)

    @abstractmethod
    def receive_datagram(self, datagram: Datagram, path: int, now: float) -> None:
        """Take a datagram that came in by path number `path`."""

    def to_bytes(self, datagram: Datagram) -> bytes | None:
        """Return a datagram as it leaves; None: there is no session to seal it by. To be asked once for each."""
        guard = self.guard
        if guard is None:
            return encode(datagram)
        data = guard.seal(datagram)
        if guard.asked:
            guard.asked = False
            self._alarm = min(self._alarm, guard.next_timeout())
        return data

    def seal(self, datagram: Datagram) -> Sealed | None:
        """Do as `to_bytes` does, in a simulation with a guard."""
        data = self.to_bytes(datagram)
        if data is None:
            return None
        return Sealed(datagram.path, data, datagram.size, datagram.packet if isinstance(datagram, Data) else None)

    def receive_sealed(self, sealed: Sealed, now: float) -> None:
        """Take what the other end's `seal` gave, after its way through the network."""
        self.receive_bytes(sealed.data, sealed.path, now, packet=sealed.packet)

    def receive_bytes(
        self,
        data: bytes,
        path: int,
        now: float,
        source: Address | None = None,
        packet: Packet | None = None,
    ) -> None:
        """Take a datagram's bytes from a path; what is damaged is counted in `rejected`, never raised.

        source: the address that it came from, where a path may roam; packet: a simulated one, which has no bytes.
        """
        guard = self.guard
        if guard is not None:
            opened = guard.open(data, path, now, source)
            if guard.renewed:
                self._on_renewed(guard, now)
            if opened is not None:
                if packet is not None and isinstance(opened, Data):
                    opened.packet = packet
                self.receive_datagram(opened, path, now)
            else:  # a handshake message, perhaps; nothing else brings anything forward
                self._alarm = min(self._alarm, guard.next_timeout())
            return
        try:
            datagram = decode(data, self.paths[path].overhead)
        except WireError as error:
            self.rejected[error.cause] += 1
            return
        self.receive_datagram(datagram, path, now)

    def _on_renewed(self, guard: Exchange, now: float) -> None:
        """Probe at once by new keys: the other end uses them from then on."""
        guard.renewed = False
        for path in self.paths:
            if path.carrier:
                path.probe_anew(now)
        self._alarm = min(self._alarm, now)
