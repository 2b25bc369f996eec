"""A portal's status for Prometheus, on the loopback address alone (prometheus-client, an extra: `mpsim[portal]`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mpsim.errors import WorldError

ADDRESS = "127.0.0.1"
# Of the status: key, what it means. Counts end with _total there, as is the custom.
_PATH_GAUGES = {
    "srtt_s": ("srtt_seconds", "smoothed round-trip time"),
    "loss_ratio": ("loss_ratio", "share of the last datagrams that were lost"),
    "cwnd_bytes": ("cwnd_bytes", "congestion window"),
    "in_flight_bytes": ("in_flight_bytes", "sent and not acknowledged"),
    "queue_bytes": ("queue_bytes", "waiting for this path"),
    "delivery_rate_bps": ("delivery_rate_bits_per_second", "delivered lately"),
    "metric": ("metric", "paths of a higher one are used when no lower one is up"),
}
_PATH_COUNTS = {
    "sent_datagrams": ("sent_datagrams", "sent"),
    "sent_data_bytes": ("sent_data_bytes", "sent as data, headers included"),
    "received_datagrams": ("received_datagrams", "received and accepted"),
    "lost_datagrams": ("lost_datagrams", "sent as data and lost"),
    "send_errors": ("send_errors", "that the kernel did not take"),
    "downs": ("downs", "times that it went down"),
}
_PORTAL_COUNTS = {
    "sent_packets": ("sent_packets", "inner packets for the other portal"),
    "delivered_packets": ("delivered_packets", "inner packets from the other portal"),
    "ingress_drops": ("ingress_drops", "inner packets that found the queue full"),
    "foreign_packets": ("foreign_packets", "inner packets with a source that is not behind the other portal"),
}


class Exporter:
    """Serves /metrics from a thread of its own; it sees what `update` was told last.

    Parameters
        port: on the loopback address
        status: the first one (status.py)
    """

    def __init__(self, port: int, status: Mapping[str, Any]) -> None:
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError:
            raise WorldError("host.metrics_port needs prometheus-client: pip install 'mpsim[portal]'") from None
        self._status = status
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, _ = start_http_server(port, addr=ADDRESS, registry=registry)
        except OSError as error:
            raise WorldError(f"host.metrics_port {port}: {error.strerror}") from None

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._server.server_port)

    def update(self, status: Mapping[str, Any]) -> None:
        """Take a new status."""
        self._status = status

    def describe(self) -> list[Any]:
        """Return nothing: which metrics there are is known when they are asked for."""
        return []

    def collect(self) -> Iterator[Any]:
        """Give the status as Prometheus' families of metrics."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        status = self._status
        portals = status["portals"]
        paths = [((one["name"], path["name"]), path) for one in portals for path in one["paths"]]
        up = GaugeMetricFamily("mpsim_path_up", "whether the path carries packets", labels=("portal", "path"))
        for labels, path in paths:
            up.add_metric(labels, float(path["up"]))
        yield up
        of_path, of_portal = ("portal", "path"), ("portal",)
        yield from _families(GaugeMetricFamily, "mpsim_path_", _PATH_GAUGES, of_path, paths)
        yield from _families(CounterMetricFamily, "mpsim_path_", _PATH_COUNTS, of_path, paths)
        named = [((one["name"],), one) for one in portals]
        yield from _families(CounterMetricFamily, "mpsim_portal_", _PORTAL_COUNTS, of_portal, named)
        backlog = {"backlog_bytes": ("backlog_bytes", "waiting for any path")}
        yield from _families(GaugeMetricFamily, "mpsim_portal_", backlog, of_portal, named)
        rejected = CounterMetricFamily(
            "mpsim_portal_rejected_datagrams", "refused, by cause", labels=("portal", "cause")
        )
        for one in portals:
            for cause, count in one["rejected"].items():
                rejected.add_metric((one["name"], cause), count)
        yield rejected

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _families(
    family: Callable[..., Any],
    prefix: str,
    table: Mapping[str, tuple[str, str]],
    labels: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], Any]],
) -> Iterator[Any]:
    for key, (name, meaning) in table.items():
        found = family(prefix + name, meaning, labels=labels)
        for values, row in rows:
            if row[key] is not None:
                found.add_metric(values, float(row[key]))
        yield found
