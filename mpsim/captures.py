"""The captures of a simulated run: what crossed each link, and what entered and left the tunnel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mpsim.pcap import PcapWriter
from mpsim.synthetic import Synthesizer

# Which way a packet travels that goes into or comes out of the tunnel at one of its ends.
_TUNNEL_WAYS = {
    ("local", "in"): "outbound",
    ("local", "out"): "inbound",
    ("remote", "in"): "inbound",
    ("remote", "out"): "outbound",
}

Tap = Callable[[float, Any], None]  # (time in s, packet or datagram)


class Captures:
    """All capture files of a run, in one folder; a file is made when its tap is asked for.

    A link's capture holds what arrives at its far end, so that its count is the link's delivered packets.
    """

    def __init__(self, folder: Path, synthesizer: Synthesizer) -> None:
        self._folder = folder
        self._synthesizer = synthesizer
        self._writers: dict[str, PcapWriter] = {}

    def link(self, name: str, direction: str) -> Tap:
        """Return what is to be told of every packet that arrives at the far end of a link."""
        writer, to_bytes = self._open(f"link-{name}-{direction}"), self._synthesizer.link_bytes
        return lambda now, thing: writer.write(now, to_bytes(thing, direction))

    def tunnel(self, side: str, way: str) -> Tap:
        """Return what is to be told of every inner packet that goes in or comes out ("in", "out") at a side."""
        writer, to_bytes = self._open(f"tunnel-{side}-{way}"), self._synthesizer.inner_bytes
        direction = _TUNNEL_WAYS[side, way]
        return lambda now, packet: writer.write(now, to_bytes(packet, direction))

    def _open(self, name: str) -> PcapWriter:
        writer = self._writers[name] = PcapWriter(self._folder / f"{name}.pcap")
        return writer

    def counts(self) -> dict[str, int]:
        """Return the packets in each capture, by the file's name without its ending."""
        return {name: writer.count for name, writer in self._writers.items()}

    def close(self) -> None:
        """Finish all files."""
        for writer in self._writers.values():
            writer.close()
