"""What a simulated run leaves behind: series in bins of 0.1 s, and the rows of the result.

Objects only count; here their counters are read once a bin. So recording costs nothing a packet, and
memory grows by a few numbers a bin.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, overload

from mpsim.build import Direction
from mpsim.hosts.mptcp import Subflow
from mpsim.metrics import BIN, DelayHistogram
from mpsim.network.link import Link
from mpsim.result import SeriesRow
from mpsim.sim.flows import Flow
from mpsim.tunnel.endpoint import Endpoint
from mpsim.units import BITS_PER_BYTE


class Counted(Protocol):
    """What counts over the measured interval."""

    def on_begin(self) -> None:
        """It begins."""

    def on_end(self) -> None:
        """It ends."""

    def drain(self, *, measured: bool) -> None:
        """Take the samples of the last bin."""


class Series:
    """One metric of one entity, a number a bin."""

    def __init__(self, entity: str, direction: str, metric: str, read: Callable[[float], float]) -> None:
        self.entity, self.direction, self.metric = entity, direction, metric
        self.values = array("d")
        self._read = read

    def sample(self, now: float) -> None:
        """Take the value at the end of a bin (s)."""
        self.values.append(self._read(now))


class Rows(Sequence[SeriesRow]):
    """The rows of series.csv, made as they are asked for: kept, they would be many times what they say.

    columns: (entity, direction, metric, a value for each bin); a bin is named by its beginning.
    """

    def __init__(self, columns: Sequence[tuple[str, str, str, array[float]]]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return sum(len(values) for *_, values in self._columns)

    def __iter__(self) -> Iterator[SeriesRow]:
        for entity, direction, metric, values in self._columns:
            for number, value in enumerate(values):
                yield (round(number * BIN, 1), entity, direction, metric, value)

    @overload
    def __getitem__(self, index: int) -> SeriesRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[SeriesRow]: ...
    def __getitem__(self, index: int | slice) -> SeriesRow | list[SeriesRow]:
        if isinstance(index, slice):
            return list(self)[index]
        number = index if index >= 0 else index + len(self)
        for entity, direction, metric, values in self._columns:
            if 0 <= number < len(values):
                return (round(number * BIN, 1), entity, direction, metric, values[number])
            number -= len(values)
        raise IndexError(index)


def rate_of(count: Callable[[], int]) -> Callable[[float], float]:
    """Turn a growing count of bytes into bit/s a bin."""
    last = 0

    def read(_: float) -> float:
        nonlocal last
        before, last = last, count()
        return (last - before) * BITS_PER_BYTE / BIN

    return read


class LinkRecord:
    """A link's counters over the measured interval."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.delays = DelayHistogram()
        self._before = self._counters()
        self._after = self._before

    def _counters(self) -> tuple[int, int, int, int, int]:
        link = self.link
        drops = link.drops
        return (link.delivered_packets, link.delivered_bytes, drops["queue"], drops["loss"], drops["down"])

    def on_begin(self) -> None:
        """The measured interval begins."""
        self._before = self._counters()

    def on_end(self) -> None:
        """It ends."""
        self._after = self._counters()

    def drain(self, *, measured: bool) -> None:
        """Take the waiting times of the last bin."""
        if measured:
            self.delays.add(self.link.queue_delays)
        self.link.queue_delays.clear()

    def row(self, capacity_bps: float, seconds: float) -> dict[str, Any]:
        """Return the link's row of the result."""
        packets, size, queue, loss, down = (
            after - before for before, after in zip(self._before, self._after, strict=True)
        )
        return {
            "name": self.link.name,
            "direction": self.link.direction,
            "capacity_bps": capacity_bps,
            "delivered_bps": size * BITS_PER_BYTE / seconds,
            "delivered_packets": packets,
            "drops": {"queue": queue, "loss": loss, "down": down},
            "queue_delay_s": self.delays.summary(50, 95),
            "total": {
                "offered_packets": self.link.offered_packets,
                "delivered_packets": self.link.delivered_packets,
                "drops": dict(self.link.drops),
            },
        }


class Carrier(Protocol):
    """What is read of a tunnel's path or of a Multipath TCP subflow."""

    name: str

    @property
    def up(self) -> bool:
        """Whether it takes data."""

    @property
    def cwnd(self) -> float:
        """Window (bytes)."""

    @property
    def srtt(self) -> float:
        """Smoothed round-trip time (s)."""

    @property
    def sent_datagrams(self) -> int:
        """With data."""

    @property
    def sent_bytes(self) -> int:
        """IP bytes of these."""

    @property
    def lost_datagrams(self) -> int:
        """Of these."""

    control_datagrams: int
    control_bytes: int


class PathRecord:
    """A path's counters over the measured interval, on its sending side."""

    def __init__(self, path: Carrier, direction: Direction) -> None:
        self.path = path
        self.direction = direction
        self.srtt = DelayHistogram()
        self._before = self._counters()
        self._after = self._before

    def _counters(self) -> tuple[int, int, int, int, int]:
        path = self.path
        return (
            path.sent_datagrams,
            path.sent_bytes,
            path.lost_datagrams,
            path.control_datagrams,
            path.control_bytes,
        )

    def on_begin(self) -> None:
        """The measured interval begins."""
        self._before = self._counters()

    def on_end(self) -> None:
        """It ends."""
        self._after = self._counters()

    def drain(self, *, measured: bool) -> None:
        """Take the smoothed round-trip time at the end of a bin."""
        if measured and self.path.up and self.path.srtt:
            self.srtt.add([self.path.srtt])

    @property
    def difference(self) -> tuple[int, int, int, int, int]:
        """Datagrams, bytes, lost, control datagrams, control bytes in the measured interval."""
        first, second, third, fourth, fifth = (
            after - before for before, after in zip(self._before, self._after, strict=True)
        )
        return first, second, third, fourth, fifth

    def row(self) -> dict[str, Any]:
        """Return the path's row of the result."""
        datagrams, size, lost, control, control_size = self.difference
        return {
            "link": self.path.name,
            "direction": self.direction,
            "datagrams": datagrams + control,
            "bytes": size + control_size,
            "srtt_s": self.srtt.summary(50, 95),
            "lost_ratio": lost / datagrams if datagrams else None,
            "retransmitted": 0,
            "reinjected": 0,
        }


class SubflowRecord(PathRecord):
    """A subflow's: what was lost was sent again, by itself or by another."""

    def __init__(self, subflow: Subflow, direction: Direction) -> None:
        self._subflow = subflow
        self._repairs = (0, 0)
        super().__init__(subflow, direction)

    def _counts(self) -> tuple[int, int]:
        return (self._subflow.tcp.retransmitted, self._subflow.reinjected)

    def on_begin(self) -> None:
        super().on_begin()
        self._repairs = self._counts()

    def on_end(self) -> None:
        super().on_end()
        again, reinjected = (after - before for before, after in zip(self._repairs, self._counts(), strict=True))
        self._repairs = (again, reinjected)

    def row(self) -> dict[str, Any]:
        return {**super().row(), "retransmitted": self._repairs[0], "reinjected": self._repairs[1]}


class Recorder:
    """Everything that is read once a bin."""

    def __init__(self, flows: Sequence[Flow], links: Sequence[Link]) -> None:
        self.series: list[Series] = []
        self.flows = flows
        self.links = [LinkRecord(link) for link in links]
        self.paths: list[PathRecord] = []
        self.in_order = DelayHistogram()
        self._in_order_lists: list[list[float]] = []
        for flow in flows:
            self._add(f"flow/{flow.spec.name}", flow.spec.direction, "throughput_bps", _flow_rate(flow))
        for link in links:
            self._add_link(link)

    def _add(self, entity: str, direction: str, metric: str, read: Callable[[float], float]) -> None:
        self.series.append(Series(entity, direction, metric, read))

    def _add_link(self, link: Link) -> None:
        entity = f"link/{link.name}"
        self._add(entity, link.direction, "throughput_bps", rate_of(lambda: link.delivered_bytes))
        self._add(entity, link.direction, "queue_bytes", link.queue_bytes)
        self._add(entity, link.direction, "up", lambda _: float(link.up))

    def add_endpoint(self, endpoint: Endpoint, direction: Direction, delays: list[float]) -> None:
        """Watch one end; direction: of what it sends; delays: of what it releases (the other direction)."""
        self._in_order_lists.append(delays)
        for path in endpoint.paths:
            self._add_path(PathRecord(path, direction))

    def add_subflows(self, subflows: Sequence[Subflow], direction: Direction) -> None:
        """Watch the sending end of a Multipath TCP connection."""
        for subflow in subflows:
            self._add_path(SubflowRecord(subflow, direction))

    def _add_path(self, record: PathRecord) -> None:
        self.paths.append(record)
        path = record.path
        entity = f"path/{path.name}"
        # An unlimited window has no number in a table.
        self._add(
            entity,
            record.direction,
            "cwnd_bytes",
            lambda _: path.cwnd if path.cwnd != float("inf") else -1.0,
        )
        self._add(entity, record.direction, "srtt_s", lambda _: path.srtt)
        self._add(entity, record.direction, "up", lambda _: float(path.up))

    def _counted(self) -> list[Counted]:
        return [*self.flows, *self.links, *self.paths]

    def on_begin(self) -> None:
        """The measured interval begins."""
        for record in self._counted():
            record.on_begin()

    def on_end(self) -> None:
        """It ends."""
        for record in self._counted():
            record.on_end()

    def sample(self, now: float, *, measured: bool) -> None:
        """Close a bin that ends at `now` (s); measured: it lies in the measured interval."""
        for series in self.series:
            series.sample(now)
        self.drain(measured=measured)
        for flow in self.flows:
            flow.on_bin(now)

    def drain(self, *, measured: bool) -> None:
        """Take all samples gathered since the last call."""
        for record in self._counted():
            record.drain(measured=measured)
        for delays in self._in_order_lists:
            if measured:
                self.in_order.add(delays)
            delays.clear()

    def rows(self) -> Rows:
        """Return series.csv."""
        return Rows([(series.entity, series.direction, series.metric, series.values) for series in self.series])


def _flow_rate(flow: Flow) -> Callable[[float], float]:
    return rate_of(lambda: flow.delivered_bytes)
