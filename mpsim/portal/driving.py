"""What every driver of an endpoint in real time does, be it the emulation's or a portal's: steps, and news of paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpsim.tunnel.datagrams import Datagram
from mpsim.tunnel.endpoint import Endpoint, pump
from mpsim.tunnel.packet import Packet


class Driver:
    """Steps an endpoint after each wake-up, and tells it once when a path can be used, or no longer.

    Parameters
        endpoint: that is driven
        usable: whether each path can be used at the beginning, as the endpoint takes it to be
        send: where its datagrams go
        deliver: where its inner packets go
    """

    __slots__ = ("_deliver", "_send", "endpoint", "usable")

    def __init__(
        self,
        endpoint: Endpoint,
        usable: Sequence[bool],
        *,
        send: Callable[[Datagram], object],
        deliver: Callable[[Packet], object],
    ) -> None:
        self.endpoint = endpoint
        self.usable = list(usable)
        self._send, self._deliver = send, deliver

    def step(self, now: float) -> None:
        """Do what is due by now (s), and carry everything away."""
        if self.endpoint.next_timeout() <= now:
            self.endpoint.handle_timeout(now)
        self.pump(now)

    def pump(self, now: float) -> None:
        """Carry everything away."""
        pump(self.endpoint, now, self._send, self._deliver)

    def judge(self, path: int, usable: bool, now: float) -> bool:
        """Take note if path number `path` can be used; return whether that is news to the endpoint."""
        if usable == self.usable[path]:
            return False
        self.usable[path] = usable
        if usable:
            self.endpoint.on_path_available(path, now)
        else:
            self.endpoint.on_path_unavailable(path, now)
        return True
