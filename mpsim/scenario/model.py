"""What to run: the scenario as frozen, checked data. START HERE to see every key; attribute names are the file's keys.

Units: seconds, bytes, bit/s. Sides of a link: ``down`` towards the client (inbound), ``up`` away from it (outbound).
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, PrivateAttr

from mpsim.scenario import limits
from mpsim.scenario.fields import (
    Both,
    BothDelays,
    BothQueues,
    BothRates,
    ControllerSpec,
    Direction,
    IngressSize,
    Name,
    Rate,
    RepairSpec,
    SchedulerSpec,
    Size,
    Truth,
    times,
    wholes,
    word,
)
from mpsim.scenario.linkfields import BothLosses, Loss, TraceSpec
from mpsim.units import QueueSize

_delay_check, _delay_text = times(*limits.DELAY_S)
_warmup_check, _warmup_text = times(*limits.WARMUP_S)
_duration_check, _duration_text = times(*limits.DURATION_S)
_start_check, _start_text = times(*limits.START_S)
_reorder_check, _reorder_text = times(*limits.REORDER_TIMEOUT_S)
_target_check, _target_text = times(*limits.CODEL_TARGET_S)
_codel_check, _codel_text = times(*limits.CODEL_INTERVAL_S)
_offset_check, _offset_text = times(*limits.REORDER_OFFSET_S)
_interval_check, _interval_text = times(*limits.PING_INTERVAL_S)
_playout_check, _playout_text = times(*limits.PLAYOUT_S)
_hangup_check, _hangup_text = times(*limits.HANGUP_S)
_at_check, _at_text = times(0.0, limits.DURATION_S[1])
_NO_LOSS: Both[Loss] = Both(0.0, 0.0)
_payload = wholes(*limits.PAYLOAD_BYTES)


class Table(BaseModel):
    """A table of the file: unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


class IngressQueue(Table):
    """The tunnel's own queue, where packets wait for a path; which keys belong to which kind: ``limits.QUEUE_KEYS``."""

    kind: Annotated[str, PlainValidator(word("tunnel.queue.kind"))] = "droptail"
    size: IngressSize = QueueSize(100, "packets")
    target: Annotated[float, _target_check, _target_text] | None = None  # s, acceptable wait (CoDel)
    interval: Annotated[float, _codel_check, _codel_text] | None = None  # s, about the longest round trip (CoDel)
    flows: Annotated[int | None, wholes(*limits.CODEL_FLOWS)] = None  # queues (FQ-CoDel)


class Reorder(Table):
    """Resequencing at the receiver."""

    mode: Annotated[str, PlainValidator(word("tunnel.reorder.mode"))] = "timeout"
    timeout: Annotated[float, _reorder_check, _reorder_text] = 0.2  # s, longest wait of a packet
    late: Annotated[str | None, PlainValidator(word("tunnel.reorder.late"))] = None  # what comes after its hole
    offset: Annotated[float, _offset_check, _offset_text] | None = None  # s, on top of the paths' difference in delay
    inactive: Annotated[int | None, wholes(*limits.REORDER_INACTIVE)] = None  # arrivals without which a path is idle


class Tunnel(Table):
    """What the tunnel between the two portals is made of."""

    system: str | None = None  # the known system that gave the parts their defaults
    scheduler: SchedulerSpec
    congestion: ControllerSpec
    loss_detection: Annotated[str, PlainValidator(word("tunnel.loss_detection"))]
    transport: Annotated[str, PlainValidator(word("tunnel.transport"))]
    liveness: Annotated[str, PlainValidator(word("tunnel.liveness"))]  # whether a silent path is given up
    mode: Annotated[str, PlainValidator(word("tunnel.mode"))]
    classes: Annotated[str, PlainValidator(word("tunnel.classes"))]  # sequence spaces: one a protocol, or a single one
    queue: IngressQueue
    reorder: Reorder
    repair: tuple[RepairSpec, ...] = Field(strict=False)
    backpressure: Annotated[str, PlainValidator(word("tunnel.backpressure"))]
    feedback: Annotated[str, PlainValidator(word("tunnel.feedback"))] | None = None  # by which path; None: its own
    mtu: Annotated[int | None, wholes(*limits.INNER_MTU)] = None  # bytes of an inner packet; None: what 1500 leaves


class Mptcp(Table):
    """Multipath TCP (RFC 8684) instead of a tunnel: each TCP flow has a subflow over every link."""

    ends: Annotated[str, PlainValidator(word("mptcp.ends"))] = "hosts"  # who speaks it: the hosts or proxies of theirs

    scheduler: SchedulerSpec = "min-rtt"  # of the simulated one; the kernel has its own
    congestion: ControllerSpec = "lia"  # likewise; a subflow of the kernel has the flow's own
    receive_window: Size = 6 * 1024 * 1024  # bytes, of the connection (Linux: the largest of tcp_rmem)


class LinkSpec(Table):
    """One access link of the local portal."""

    name: Name
    rate: BothRates | None = None  # bit/s
    trace: TraceSpec | None = None
    delay: BothDelays  # s, one way
    queue: BothQueues = Both(QueueSize(100, "packets"), QueueSize(100, "packets"))
    loss: BothLosses = _NO_LOSS
    metric: Annotated[int, wholes(*limits.METRIC)] = 0


class Topology(Table):
    """What lies beyond the access links."""

    server_delay: Annotated[float, _delay_check, _delay_text] = 0.0  # s, remote portal to server, one way
    inner: Annotated[str, PlainValidator(word("topology.inner"))] = "ipv4"
    outer: Annotated[str, PlainValidator(word("topology.outer"))] = "ipv4"
    single_interface: Truth = False  # of the remote portal


class FlowSpec(Table):
    """One flow of traffic; which keys belong to which kind stands in ``limits.FLOW_KEYS``."""

    name: Name
    kind: Annotated[Literal["tcp", "udp", "ping", "echo", "voip", "pcap", "scapy"], PlainValidator(word("flow.kind"))]
    direction: Annotated[Direction, PlainValidator(word("flow.direction"))] = "inbound"
    congestion: ControllerSpec | None = None
    rate: Rate | None = None  # bit/s of payload
    packet_size: Annotated[int | None, _payload] = None  # bytes of payload
    arrivals: Annotated[str | None, PlainValidator(word("flow.arrivals"))] = None
    bytes: Size | None = None  # of a transfer; None: as long as the run
    start: Annotated[float, _start_check, _start_text] | None = None  # s, of the measured interval; None: -warmup
    stop: Annotated[float, _start_check, _start_text] | None = None  # s, of the measured interval
    via: Name = "tunnel"  # or a link's name
    interval: Annotated[float, _interval_check, _interval_text] | None = None  # s
    size: Annotated[int | None, _payload] = None  # bytes of payload
    file: str | None = None
    playout: Annotated[float, _playout_check, _playout_text] | None = None  # s, of the listener's buffer
    hangup: Annotated[float, _hangup_check, _hangup_text] | None = None  # s without an answer that end a call
    concealment: Truth | None = None  # of lost packets by the codec


class EventSpec(Table):
    """One change of a link while the run goes on."""

    at: Annotated[float, _at_check, _at_text]  # s, of the measured interval
    link: str
    up: Truth | None = None
    rate: BothRates | None = None  # bit/s
    delay: BothDelays | None = None  # s
    loss: BothLosses | None = None
    how: Annotated[str | None, PlainValidator(word("event.how"))] = None  # of up = false: silent where left out


class Scenario(Table):
    """One complete run, or a grid of them while ``sweep`` is not empty."""

    schema_: Annotated[int, wholes(limits.SCHEMA, limits.SCHEMA)] = Field(alias="schema")
    name: Name
    warmup: Annotated[float, _warmup_check, _warmup_text] = 5.0  # s, not measured
    duration: Annotated[float, _duration_check, _duration_text] = 30.0  # s, measured
    seed: Annotated[int, wholes(*limits.SEED)] = 1
    tunnel: Tunnel | None = None  # None: no tunnel, the first link alone
    mptcp: Mptcp | None = None  # instead of a tunnel
    link: tuple[LinkSpec, ...] = Field(min_length=limits.LINKS[0], max_length=limits.LINKS[1], strict=False)
    topology: Topology = Topology()
    flow: tuple[FlowSpec, ...] = Field(min_length=limits.FLOWS[0], max_length=limits.FLOWS[1], strict=False)
    event: tuple[EventSpec, ...] = Field(default=(), max_length=limits.EVENTS[1], strict=False)
    sweep: dict[str, list[Any]] = Field(default_factory=dict)
    folder: Path = Field(default=Path(), exclude=True)  # where the file lies: relative names start here

    _raw: dict[str, Any] = PrivateAttr(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Give plain JSON data: every default filled in, every value in its canonical text."""
        data: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {key: value for key, value in data.items() if key != "sweep" or value}

    def to_toml(self, folder: Path | None = None) -> str:
        """Write the complete scenario; with ``folder``, relative file names are made relative to that folder."""
        from mpsim.scenario.files import rebase
        from mpsim.scenario.toml import write

        data = self.as_dict()
        return write(data if folder is None else rebase(data, self.folder, folder))

    def path_of(self, text: str) -> Path:
        """Where a file lies that the scenario names."""
        return (self.folder / text).resolve()

    def expand(self) -> list[Scenario]:
        """Give the grid of ``[sweep]``, each point a scenario of its own, in the order of the file."""
        from mpsim.scenario.read import expand

        return expand(self, copy.deepcopy(self._raw))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.name, self.seed, self.duration))


# Of each table the keys that the file may have; keys are written as in limits.LATER_KEYS.
TABLES: dict[str, type[BaseModel]] = {
    "": Scenario,
    "tunnel": Tunnel,
    "tunnel.queue": IngressQueue,
    "tunnel.reorder": Reorder,
    "mptcp": Mptcp,
    "link": LinkSpec,
    "topology": Topology,
    "flow": FlowSpec,
    "event": EventSpec,
}
