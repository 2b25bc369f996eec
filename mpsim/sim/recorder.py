"""What a simulated run leaves behind: series in bins of 0.1 s, and the rows of the result.

Objects only count; here their counters are read once a bin. So recording costs nothing a packet, and
memory grows by a few numbers a bin.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from mpsim.build import DIRECTIONS, Direction
from mpsim.hosts.mptcp import Subflow
from mpsim.metrics import BIN, DelayHistogram
from mpsim.network.link import Link
from mpsim.result import SeriesRow
from mpsim.sim.flows import Flow
from mpsim.sim.records import Counted, LinkRecord, PathRecord
from mpsim.summary import REORDER_BYTES
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.schedulers.base import PathView, Scheduler
from mpsim.units import BITS_PER_BYTE


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
            if flow.spec.kind == "tcp":
                self._add(f"flow/{flow.spec.name}", flow.spec.direction, "arrived_bps", _arrival_rate(flow))
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
        self._add_weights(endpoint, direction)
        (other,) = set(DIRECTIONS) - {direction}
        self._add("tunnel", other, REORDER_BYTES, lambda _: float(endpoint.incoming.waiting_bytes()))

    def _add_weights(self, endpoint: Endpoint, direction: Direction) -> None:
        scheduler = endpoint.dispatch.scheduler
        for path in endpoint.paths:
            if scheduler.measured_weight(path) is not None:
                self._add(f"path/{path.name}", direction, "weight", _weight_of(scheduler, path))

    def add_subflows(self, subflows: Sequence[Subflow], direction: Direction) -> None:
        """Watch the sending end of a Multipath TCP connection."""
        for subflow in subflows:
            self._add_path(PathRecord(subflow, direction))

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
        return _rows(self.series)

    def rows_of(self, metric: str) -> Rows:
        """Return those of its rows that tell of a metric."""
        return _rows([series for series in self.series if series.metric == metric])


def _rows(found: Sequence[Series]) -> Rows:
    return Rows([(series.entity, series.direction, series.metric, series.values) for series in found])


def _flow_rate(flow: Flow) -> Callable[[float], float]:
    return rate_of(lambda: flow.delivered_bytes)


def _arrival_rate(flow: Flow) -> Callable[[float], float]:
    return rate_of(lambda: flow.arrived_bytes)


def _weight_of(scheduler: Scheduler, path: PathView) -> Callable[[float], float]:
    return lambda _: scheduler.measured_weight(path) or 0.0
